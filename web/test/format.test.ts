import { describe, expect, it } from "vitest";

import { ago, compact, day, duration, money, percent, plural, span } from "@/lib/format";

describe("money", () => {
  it.each([
    [null, "unpriced"],
    [0, "$0"],
    [0.0000001, "<$0.000001"],
    [0.000042, "$0.000042"],
    [0.0012, "$0.0012"],
    [0.5, "$0.50"],
    [12.345, "$12.35"],
    [1204.4, "$1,204"],
  ])("%s is %s", (usd, text) => {
    expect(money(usd)).toBe(text);
  });
});

describe("numbers", () => {
  it.each([
    [0, "0"],
    [9999, "9,999"],
    [12_345, "12.3K"],
    [4_500_000, "4.5M"],
  ])("%d is %s", (value, text) => {
    expect(compact(value)).toBe(text);
  });

  it.each([
    [0, "0%"],
    [0.0004, "<0.1%"],
    [0.034, "3.4%"],
    [0.5, "50%"],
    [1, "100%"],
  ])("%d of the whole is %s", (share, text) => {
    expect(percent(share)).toBe(text);
  });

  it("counts one and many", () => {
    expect([plural(1, "model"), plural(0, "model"), plural(2, "alias", "aliases")]).toEqual([
      "1 model",
      "0 models",
      "2 aliases",
    ]);
  });
});

describe("times", () => {
  it.each([
    [null, "–"],
    [0.01, "<0.1 ms"],
    [3.14, "3.1 ms"],
    [250.4, "250 ms"],
    [1240, "1.24 s"],
    [125_000, "2 min 5 s"],
  ])("%s ms is %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it.each([
    [45, "45 s"],
    [3600, "1 h"],
    [12_000, "3 h 20 min"],
    [187_200, "2 d 4 h"],
  ])("%d s is %s", (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });

  it("says how long ago, and how soon", () => {
    const now = Date.parse("2026-11-25T12:00:00Z");
    expect(ago(null, now)).toBe("never");
    expect(ago("2026-11-25T11:59:57Z", now)).toBe("just now");
    expect(ago("2026-11-25T11:55:00Z", now)).toBe("5 min ago");
    expect(ago("2026-11-27T12:00:00Z", now)).toBe("in 2 d");
  });

  it("keeps a calendar day whatever the viewer's time zone", () => {
    expect(day("2026-11-25")).toBe("25 Nov");
  });
});
