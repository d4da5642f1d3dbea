import { describe, expect, it } from "vitest";

import type { LimitState, UsageRow } from "@/api/types";
import { labelled, ticks } from "@/charts/scale";
import { fill, level, tightest } from "@/lib/limits";
import { EventReader } from "@/lib/sse";
import { pieceOf } from "@/pages/playground/chat";
import { phases } from "@/pages/requests/Timing";
import { daily } from "@/pages/usage/UsageChart";

describe("axes", () => {
  it.each([
    [0, [0, 1]],
    [5, [0, 2, 4, 6]],
    [81, [0, 50, 100]],
    [0.0004, [0, 0.0002, 0.0004]],
  ])("of %d has %j", (most, marks) => {
    expect(ticks(most)).toEqual(marks);
  });

  it("labels the newest, and as many as there is room for", () => {
    expect(labelled(10, 200)).toEqual([1, 5, 9]);
  });
});

describe("limits", () => {
  const limit = (used: number, held: number, most: number): LimitState => ({
    name: "quota_requests_day",
    limit: most,
    used,
    held,
    remaining: most - used - held,
    resets_in_s: 60,
  });

  it.each([
    [limit(1, 0, 10), "ok"],
    [limit(7, 1, 10), "near"],
    [limit(10, 0, 10), "reached"],
  ])("knows how near it is", (state, word) => {
    expect(level(state)).toBe(word);
  });

  it("puts the fullest first, and counts what is held", () => {
    expect(fill(limit(5, 5, 20))).toBe(0.5);
    expect(tightest([limit(1, 0, 10), limit(9, 0, 10)])[0]?.used).toBe(9);
  });
});

describe("server-sent events", () => {
  const wire = 'data: {"a":1}\n\n: comment\n\ndata: two\r\ndata: lines\r\n\r\ndata: [DONE]\n\n';
  const events = ['{"a":1}', "two\nlines", "[DONE]"];

  it("come whole and character by character", () => {
    expect(new EventReader().feed(wire)).toEqual(events);
    const reader = new EventReader();
    expect(Array.from(wire).flatMap((character) => reader.feed(character))).toEqual(events);
  });

  it("hold pieces of an answer, or its failure", () => {
    expect(pieceOf('{"choices":[{"delta":{"content":"Hi"}}]}')).toEqual({ content: "Hi", reasoning: "" });
    expect(pieceOf('{"choices":[],"usage":{}}').content).toBe("");
    expect(() => pieceOf('{"error":{"message":"broke off"}}')).toThrow("broke off");
  });
});

describe("a request's time", () => {
  it.each([
    [{ latency_ms: 100, overhead_ms: 1, ttfb_ms: 40 }, [1, 39, 60]],
    [{ latency_ms: 100, overhead_ms: 1, ttfb_ms: null }, [1, 99]],
    [{ latency_ms: 5, overhead_ms: 9, ttfb_ms: 20 }, [5, 0, 0]],
  ])("adds up", (request, parts) => {
    expect(phases(request).map(({ ms }) => ms)).toEqual(parts);
  });
});

describe("usage by day", () => {
  it("has the days without a request too, at no cost, and unknown costs as unknown", () => {
    const row = { day: "2026-11-24", requests: 3, errors: 0, input_tokens: 1, output_tokens: 1, cost_usd: null };
    const points = daily([row as UsageRow], "2026-11-23", "2026-11-25");
    expect(points.map(({ at, requests, cost_usd }) => [at, requests, cost_usd])).toEqual([
      ["2026-11-23", 0, 0],
      ["2026-11-24", 3, null],
      ["2026-11-25", 0, 0],
    ]);
  });
});
