import type { ReactNode } from "react";

import type { Overview } from "@/api/types";
import { compact, count, money, percent } from "@/lib/format";

function Tile({ label, value, note, title }: { label: string; value: ReactNode; note?: ReactNode; title?: string }) {
  return (
    <div className="gw-card" title={title}>
      <div className="gw-dim">{label}</div>
      <div className="gw-tile-value">{value}</div>
      <div className="gw-dim" style={{ minHeight: "1.4em", fontSize: "0.78rem" }}>
        {note}
      </div>
    </div>
  );
}

export function Tiles({ data }: { data: Overview }) {
  const { today } = data;
  return (
    <div className="gw-tiles" role="group" aria-label="Today">
      <Tile label="Requests" value={compact(today.requests)} title={count(today.requests)} note="today" />
      <Tile
        label="In flight"
        value={count(data.in_flight)}
        note={`${count(data.active_clients)} active client${data.active_clients === 1 ? "" : "s"}`}
      />
      <Tile
        label="Input tokens"
        value={compact(today.input_tokens)}
        title={count(today.input_tokens)}
        note={today.cached_tokens > 0 ? `${compact(today.cached_tokens)} from cache` : "today"}
      />
      <Tile
        label="Output tokens"
        value={compact(today.output_tokens)}
        title={count(today.output_tokens)}
        note="today"
      />
      <Tile label="Cost" value={cost(data)} note={unpriced(today)} />
      <Tile
        label="Errors"
        value={today.requests === 0 ? "0%" : percent(today.error_rate)}
        note={`${count(today.errors)} of ${compact(today.requests)}`}
      />
    </div>
  );
}

function cost({ today }: Overview): string {
  if (today.requests === 0) return "$0";
  return today.cost_usd === null ? "unpriced" : money(today.cost_usd);
}

function unpriced({ unpriced_requests: requests, cost_usd }: Overview["today"]): string {
  if (requests === 0) return "today";
  const those = `${compact(requests)} request${requests === 1 ? "" : "s"}`;
  return cost_usd === null ? `no price known for ${those}` : `without ${those} of unknown price`;
}
