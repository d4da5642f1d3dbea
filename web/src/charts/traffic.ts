/** Points of the API's series as charts draw them. */

import type { Point } from "@/api/types";
import type { ChartPoint, ChartSeries } from "@/charts/TimeChart";
import { day, fullMoment, hourMinute, money } from "@/lib/format";

const DAY_S = 86_400;

export const REQUEST_SERIES: ChartSeries[] = [
  { label: "Answered", color: "var(--gw-chart-1)" },
  { label: "Failed", color: "var(--gw-chart-bad)" },
];

export const TOKEN_SERIES: ChartSeries[] = [
  { label: "Input", color: "var(--gw-chart-1)" },
  { label: "Output", color: "var(--gw-chart-2)" },
];

export const COST_SERIES: ChartSeries[] = [{ label: "Cost", color: "var(--gw-chart-2)" }];

function names(point: Point, stepS: number): { short: string; long: string } {
  if (stepS >= DAY_S) return { short: day(point.at), long: day(point.at) };
  return { short: hourMinute(point.at), long: fullMoment(point.at) };
}

function note(point: Point): string | undefined {
  if (point.requests === 0) return undefined;
  return `Cost: ${money(point.cost_usd)}`;
}

export function requestPoints(points: readonly Point[], stepS: number): ChartPoint[] {
  return points.map((point) => ({
    ...names(point, stepS),
    values: [point.requests - point.errors, point.errors],
    note: note(point),
  }));
}

export function tokenPoints(points: readonly Point[], stepS: number): ChartPoint[] {
  return points.map((point) => ({
    ...names(point, stepS),
    values: [point.input_tokens, point.output_tokens],
    note: note(point),
  }));
}

/** No requests cost nothing; requests without a price have no known cost. */
export function costPoints(points: readonly Point[], stepS: number): ChartPoint[] {
  return points.map((point) => ({
    ...names(point, stepS),
    values: [point.requests === 0 ? 0 : point.cost_usd],
  }));
}
