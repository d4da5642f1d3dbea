// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Delta, Overview, Point, RequestSummary } from "@/api/types";
import { apply, Feed, waitMs } from "@/live/feed";

const TODAY = {
  requests: 1,
  errors: 0,
  error_rate: 0,
  input_tokens: 1,
  output_tokens: 1,
  cached_tokens: 0,
  cost_usd: null,
  unpriced_requests: 1,
};

function point(minute: number, requests: number): Point {
  const at = new Date(Date.UTC(2026, 10, 25, 12, minute)).toISOString();
  return { at, requests, errors: 0, input_tokens: 0, output_tokens: 0, cost_usd: null };
}

function row(id: string): RequestSummary {
  return { id } as RequestSummary;
}

const OVERVIEW: Overview = {
  today: TODAY,
  in_flight: 0,
  active_clients: 1,
  series: { step_s: 60, points: Array.from({ length: 60 }, (_, minute) => point(minute, 1)) },
  top_models: [],
  top_clients: [],
  recent: Array.from({ length: 20 }, (_, index) => row(`old-${index}`)),
};

function delta(change: Partial<Delta>): Delta {
  return { today: TODAY, in_flight: 2, active_clients: 1, minute: point(59, 5), recent: [], top_models: null, top_clients: null, ...change };
}

describe("a delta", () => {
  it("means nothing before the snapshot", () => {
    expect(apply(null, { type: "delta", data: delta({}) })).toBeNull();
  });

  it("replaces the running minute", () => {
    const points = apply(OVERVIEW, { type: "delta", data: delta({}) })?.series.points ?? [];
    expect([points.length, points.at(-1)?.requests]).toEqual([60, 5]);
  });

  it("lets the oldest minute go for a new one", () => {
    const points = apply(OVERVIEW, { type: "delta", data: delta({ minute: point(60, 1) }) })?.series.points ?? [];
    expect([points.length, points[0]?.at]).toEqual([60, point(1, 0).at]);
  });

  it("puts new requests first, once each, twenty at most", () => {
    const recent = apply(OVERVIEW, { type: "delta", data: delta({ recent: [row("new"), row("old-3")] }) })?.recent ?? [];
    expect(recent.slice(0, 3).map(({ id }) => id)).toEqual(["new", "old-3", "old-0"]);
    expect(recent).toHaveLength(20);
  });
});

describe("reconnecting", () => {
  it("waits longer each time, up to a bound, never at the same moment as everybody", () => {
    expect([0, 1, 2, 10].map((failures) => waitMs(failures, () => 1))).toEqual([500, 1000, 2000, 15_000]);
    expect(waitMs(2, () => 0)).toBe(1000);
  });
});

class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 1;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  close(): void {
    this.readyState = 3;
  }
}

describe("the feed", () => {
  beforeEach(() => {
    FakeSocket.all = [];
    vi.stubGlobal("WebSocket", FakeSocket);
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("is live after the snapshot, stale after the connection is lost, and comes back", () => {
    const feed = new Feed();
    const end = feed.subscribe(() => undefined);
    expect(feed.get().status).toBe("connecting");
    FakeSocket.all[0]?.onmessage?.({ data: JSON.stringify({ type: "snapshot", data: OVERVIEW }) });
    expect(feed.get().status).toBe("live");
    FakeSocket.all[0]?.onclose?.({ code: 1006 });
    expect([feed.get().status, feed.get().data?.today.requests]).toEqual(["stale", 1]);
    vi.runOnlyPendingTimers();
    FakeSocket.all[1]?.onmessage?.({ data: JSON.stringify({ type: "snapshot", data: OVERVIEW }) });
    expect(feed.get().status).toBe("live");
    end();
    expect(FakeSocket.all[1]?.readyState).toBe(3);
  });
});
