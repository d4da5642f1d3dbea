import type { RequestDetail } from "@/api/types";
import { duration, percent } from "@/lib/format";

export interface Phase {
  label: string;
  ms: number;
  color: string;
}

/** How a request's time was spent; the parts add up to its latency. */
export function phases(request: Pick<RequestDetail, "latency_ms" | "overhead_ms" | "ttfb_ms">): Phase[] {
  const total = request.latency_ms;
  const gateway = Math.min(request.overhead_ms, total);
  const first = request.ttfb_ms === null ? null : Math.min(Math.max(request.ttfb_ms, gateway), total);
  const parts: Phase[] = [{ label: "In the gateway, before the provider", ms: gateway, color: "var(--gw-near)" }];
  if (first === null) {
    parts.push({ label: "At the provider", ms: total - gateway, color: "var(--gw-chart-1)" });
  } else {
    parts.push({ label: "Waiting for the first byte", ms: first - gateway, color: "var(--gw-chart-1)" });
    parts.push({ label: "Receiving the rest", ms: total - first, color: "var(--gw-chart-2)" });
  }
  return parts;
}

export function Timing({ request }: { request: RequestDetail }) {
  const parts = phases(request);
  const total = Math.max(request.latency_ms, 0.001);
  return (
    <>
      <div className="gw-timing" aria-hidden="true">
        {parts.map((part) => (
          <span key={part.label} style={{ width: `${(part.ms / total) * 100}%`, background: part.color }} />
        ))}
      </div>
      <ul
        style={{
          listStyle: "none",
          margin: "10px 0 0",
          padding: 0,
          display: "flex",
          flexWrap: "wrap",
          gap: "6px 24px",
          fontSize: "0.85rem",
        }}
      >
        {parts.map((part) => (
          <li key={part.label}>
            <span className="gw-swatch" style={{ background: part.color }} />
            {part.label}: <strong className="gw-num">{duration(part.ms)}</strong>{" "}
            <span className="gw-dim">{percent(part.ms / total)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
