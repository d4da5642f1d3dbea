/** Values over time as stacked bars or lines: values on hover and by the arrow keys, and as a table. */

import { useElementSize } from "@mantine/hooks";
import type { KeyboardEvent, PointerEvent } from "react";
import { useState } from "react";

import { labelled, ticks } from "@/charts/scale";

export interface ChartSeries {
  label: string;
  color: string;
}

export interface ChartPoint {
  /** What stands below the axis. */
  short: string;
  /** What the tip says. */
  long: string;
  /** One for each series; null is a gap. */
  values: (number | null)[];
  /** A line more in the tip. */
  note?: string;
}

interface Props {
  label: string;
  series: ChartSeries[];
  points: ChartPoint[];
  format: (value: number) => string;
  kind?: "bars" | "lines";
  height?: number;
}

const LEFT = 44;
const BOTTOM = 20;
const TOP = 8;

export function TimeChart(props: Props) {
  const { label, series, points, format, kind = "bars", height = 170 } = props;
  const { ref, width } = useElementSize();
  const [at, setAt] = useState<number | null>(null);
  const here = at !== null && at < points.length ? at : null;
  const plot = Math.max(0, width - LEFT);
  const step = points.length ? plot / points.length : 0;

  const hover = (event: PointerEvent<HTMLDivElement>) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT;
    setAt(step > 0 ? Math.min(points.length - 1, Math.max(0, Math.floor(x / step))) : null);
  };
  return (
    <div>
      <Legend series={series} />
      <div
        ref={ref}
        className="gw-chart"
        role="slider"
        tabIndex={0}
        aria-label={`${label}. Arrow keys read the values.`}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, points.length - 1)}
        aria-valuenow={here ?? Math.max(0, points.length - 1)}
        aria-valuetext={spoken(points[here ?? points.length - 1], series, format)}
        onKeyDown={(event) => {
          const next = moved(event, here, points.length);
          if (next !== undefined) setAt(next);
        }}
        onPointerMove={hover}
        onPointerDown={hover}
        onPointerLeave={() => setAt(null)}
        onBlur={() => setAt(null)}
        style={{ height, touchAction: "pan-y" }}
      >
        {width > 0 && (
          <svg height={height} aria-hidden="true" focusable="false">
            <Plot {...props} kind={kind} height={height} width={width} here={here} />
          </svg>
        )}
        {here !== null && points[here] && (
          <Tip point={points[here]} series={series} format={format} x={LEFT + (here + 0.5) * step} width={width} />
        )}
      </div>
    </div>
  );
}

function moved(event: KeyboardEvent, here: number | null, total: number): number | null | undefined {
  const last = total - 1;
  const from = here ?? last;
  const to: Record<string, number | null> = {
    ArrowLeft: Math.max(0, here === null ? last : from - 1),
    ArrowRight: Math.min(last, from + 1),
    Home: 0,
    End: last,
    Escape: null,
  };
  if (!(event.key in to) || total === 0) return undefined;
  if (event.key !== "Escape") event.preventDefault();
  return to[event.key];
}

function spoken(point: ChartPoint | undefined, series: ChartSeries[], format: (value: number) => string): string {
  if (!point) return "no values";
  const values = series.map((s, index) => `${s.label} ${shown(point.values[index], format)}`);
  return `${point.long}: ${values.join(", ")}`;
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? "unknown" : format(value);
}

function Plot({
  points,
  series,
  format,
  kind,
  width,
  height,
  here,
}: Props & { kind: "bars" | "lines"; width: number; height: number; here: number | null }) {
  const plot = width - LEFT;
  const base = height - BOTTOM;
  const step = points.length ? plot / points.length : 0;
  const sums = points.map((point) => {
    const values = point.values.map((value) => value ?? 0);
    return kind === "bars" ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values);
  });
  const marks = ticks(Math.max(0, ...sums));
  const top = marks.at(-1) ?? 1;
  const y = (value: number) => base - (value / top) * (base - TOP);
  const x = (place: number) => LEFT + (place + 0.5) * step;
  return (
    <>
      {marks.map((mark) => (
        <g key={mark}>
          <line x1={LEFT} x2={width} y1={y(mark)} y2={y(mark)} stroke="var(--gw-line)" />
          <text x={LEFT - 8} y={y(mark) + 4} textAnchor="end">
            {format(mark)}
          </text>
        </g>
      ))}
      {labelled(points.length, plot).map((place) => (
        <text key={place} x={Math.min(x(place), width - 16)} y={height - 4} textAnchor="middle">
          {points[place]?.short}
        </text>
      ))}
      {here !== null && (
        <rect x={LEFT + here * step} width={step} y={TOP} height={base - TOP} fill="var(--mantine-color-text)" opacity={0.07} />
      )}
      {kind === "bars" ? (
        <Bars points={points} series={series} step={step} y={y} />
      ) : (
        series.map((s, index) => <Line key={s.label} points={points} index={index} color={s.color} x={x} y={y} />)
      )}
    </>
  );
}

function Bars({
  points,
  series,
  step,
  y,
}: {
  points: ChartPoint[];
  series: ChartSeries[];
  step: number;
  y: (value: number) => number;
}) {
  const gap = step > 5 ? Math.min(4, step * 0.25) : 0.5;
  return points.map((point, place) => {
    let below = 0;
    return (
      <g key={point.long}>
        {series.map((s, index) => {
          const value = point.values[index] ?? 0;
          const bottom = y(below);
          below += value;
          const tall = bottom - y(below);
          if (tall <= 0) return null;
          return (
            <rect
              key={s.label}
              x={LEFT + place * step + gap / 2}
              width={Math.max(1, Math.min(step - gap, 48))}
              y={y(below)}
              height={tall}
              rx={Math.min(2, step / 4)}
              fill={s.color}
            />
          );
        })}
      </g>
    );
  });
}

function Line({
  points,
  index,
  color,
  x,
  y,
}: {
  points: ChartPoint[];
  index: number;
  color: string;
  x: (place: number) => number;
  y: (value: number) => number;
}) {
  let path = "";
  let drawing = false;
  points.forEach((point, place) => {
    const value = point.values[index];
    if (value === null || value === undefined) drawing = false;
    else {
      path += `${drawing ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
      drawing = true;
    }
  });
  return <path d={path} fill="none" stroke={color} strokeWidth={2} strokeLinejoin="round" strokeLinecap="round" />;
}

function Legend({ series }: { series: ChartSeries[] }) {
  if (series.length < 2) return null;
  return (
    <div className="gw-dim" style={{ display: "flex", flexWrap: "wrap", gap: "2px 14px", marginBottom: 4 }}>
      {series.map((s) => (
        <span key={s.label}>
          <span className="gw-swatch" style={{ background: s.color }} />
          {s.label}
        </span>
      ))}
    </div>
  );
}

function Tip({
  point,
  series,
  format,
  x,
  width,
}: {
  point: ChartPoint;
  series: ChartSeries[];
  format: (value: number) => string;
  x: number;
  width: number;
}) {
  const side = x > width / 2 ? { right: width - x + 10 } : { left: x + 10 };
  return (
    <div className="gw-tip" style={side} aria-hidden="true">
      <div className="gw-dim" style={{ fontSize: "0.75rem" }}>
        {point.long}
      </div>
      {series.map((s, index) => (
        <div key={s.label} style={{ display: "flex", justifyContent: "space-between", gap: 16 }}>
          <span>
            <span className="gw-swatch" style={{ background: s.color }} />
            {s.label}
          </span>
          <strong className="gw-num">{shown(point.values[index], format)}</strong>
        </div>
      ))}
      {point.note && <div className="gw-dim">{point.note}</div>}
    </div>
  );
}
