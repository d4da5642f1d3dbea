/** The limits of a client: their names, units and fill. */

import type { ClientSettings, LimitState } from "@/api/types";
import { compact, money } from "@/lib/format";

export interface LimitKind {
  title: string;
  /** For narrow columns. */
  short: string;
  unit: string;
  money?: boolean;
}

const KINDS: Record<string, LimitKind> = {
  requests_minute: { title: "Requests a minute", short: "a minute", unit: "requests" },
  requests_hour: { title: "Requests an hour", short: "an hour", unit: "requests" },
  requests_day: { title: "Requests in 24 hours", short: "in 24 hours", unit: "requests" },
  quota_requests_day: { title: "Requests today", short: "requests today", unit: "requests" },
  quota_input_tokens_day: { title: "Input tokens today", short: "input today", unit: "tokens" },
  quota_output_tokens_day: { title: "Output tokens today", short: "output today", unit: "tokens" },
  budget_usd_day: { title: "Budget today", short: "budget today", unit: "USD", money: true },
  budget_usd_month: { title: "Budget this month", short: "budget, month", unit: "USD", money: true },
  concurrency: { title: "Requests in flight", short: "in flight", unit: "requests" },
};

export function limitKind(name: string): LimitKind {
  const words = name.replaceAll("_", " ");
  return KINDS[name] ?? { title: words, short: words, unit: "" };
}

export function limitAmount(name: string, value: number): string {
  return limitKind(name).money ? money(value) : compact(value);
}

/** Share of a limit that is taken, with what requests in flight hold; 0 to 1. */
export function fill(limit: LimitState): number {
  if (limit.limit <= 0) return 0;
  return Math.min(1, Math.max(0, (limit.used + limit.held) / limit.limit));
}

export type Level = "ok" | "near" | "reached";

export function level(limit: LimitState): Level {
  if (limit.remaining <= 0) return "reached";
  return fill(limit) >= 0.8 ? "near" : "ok";
}

/** The limits that matter most first: the fullest. */
export function tightest(limits: readonly LimitState[], most = 1): LimitState[] {
  return [...limits]
    .filter((limit) => limit.limit > 0)
    .sort((a, b) => fill(b) - fill(a))
    .slice(0, most);
}

export interface LimitField {
  field: keyof ClientSettings;
  label: string;
  unit: string;
  help?: string;
  money?: boolean;
}

/** The form's limit fields; 0 is unlimited. */
export const LIMIT_FIELDS: Record<"rates" | "quotas" | "request" | "budgets", LimitField[]> = {
  rates: [
    { field: "rate_limit_minute", label: "Requests a minute", unit: "per min" },
    { field: "rate_limit_hour", label: "Requests an hour", unit: "per hour" },
    { field: "rate_limit_day", label: "Requests in 24 hours", unit: "per day", help: "A sliding window" },
    { field: "max_concurrency", label: "Requests in flight", unit: "at once" },
  ],
  quotas: [
    { field: "quota_requests_day", label: "Requests a calendar day", unit: "per day" },
    { field: "quota_input_tokens_day", label: "Input tokens a calendar day", unit: "tokens" },
    { field: "quota_output_tokens_day", label: "Output tokens a calendar day", unit: "tokens" },
  ],
  request: [
    { field: "max_input_tokens", label: "Input of one request", unit: "tokens", help: "Larger ones are refused" },
    { field: "max_output_tokens", label: "Output of one request", unit: "tokens", help: "Lowers the caller's own limit" },
  ],
  budgets: [
    { field: "budget_usd_day", label: "Budget a day", unit: "USD", money: true },
    { field: "budget_usd_month", label: "Budget a calendar month", unit: "USD", money: true },
  ],
};
