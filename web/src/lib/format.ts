/** Numbers, money and times as people read them. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number): string {
  return whole.format(value);
}

/** 1,234 stays whole; from 10,000 on: 12.3K, 4.5M. */
export function compact(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);
}

/** Dollars to the digit that matters: $0.000042, $1.24, $1,204. Null is no price, never $0. */
export function money(usd: number | null): string {
  if (usd === null) return "unpriced";
  if (usd === 0) return "$0";
  const size = Math.abs(usd);
  if (size >= 1000) return `$${whole.format(usd)}`;
  if (size >= 0.01) return `$${usd.toFixed(2)}`;
  if (size < 0.000001) return "<$0.000001";
  const digits = 1 - Math.floor(Math.log10(size));
  return `$${usd.toFixed(Math.min(digits, 8)).replace(/0+$/, "")}`;
}

/** 1 network, 1,234 networks. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "<0.1%";
  return `${value >= 10 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)}%`;
}

/** Milliseconds as 12 ms, 1.24 s, 2 min 5 s. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  if (ms > 0 && ms < 0.05) return "<0.1 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  return span(ms / 1000);
}

/** Seconds as a span: 45 s, 2 min 5 s, 3 h 20 min, 2 d 4 h. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return pair(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86_400) return pair(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return pair(Math.floor(s / 86_400), "d", Math.floor((s % 86_400) / 3600), "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayClock = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const fullClock = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const dayOnly = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** In the viewer's time zone; today's times without the day. */
export function moment(iso: string, now: Date = new Date()): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  if (at.toDateString() === now.toDateString()) return clock.format(at);
  return at.getFullYear() === now.getFullYear() ? dayClock.format(at) : fullClock.format(at);
}

export function hourMinute(iso: string): string {
  return minuteClock.format(new Date(iso));
}

export function fullMoment(iso: string): string {
  return fullClock.format(new Date(iso));
}

/** A calendar day, `2026-11-25`, as 25 Nov. */
export function day(date: string): string {
  const at = new Date(`${date.slice(0, 10)}T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? date : dayOnly.format(at);
}

/** "never", "just now", "5 min ago", "3 h ago", "12 d ago", "in 2 d". */
export function ago(iso: string | null, now: number = Date.now()): string {
  if (iso === null) return "never";
  const seconds = (now - new Date(iso).getTime()) / 1000;
  if (seconds < -5) return `in ${rough(-seconds)}`;
  if (seconds < 10) return "just now";
  return `${rough(seconds)} ago`;
}

function rough(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
