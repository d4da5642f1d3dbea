/** The columns of request lists. */

import { Link } from "wouter";

import type { RequestSummary } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { Cost, Num, Plain, When } from "@/components/Text";
import { StatusBadge } from "@/components/StatusBadge";
import { duration } from "@/lib/format";

type Name = "status" | "at" | "client" | "model" | "tokens" | "cost" | "latency";

/** Where no provider was asked, nothing was spent: that is no unknown price. */
export function RequestCost({ row }: { row: RequestSummary }) {
  if (row.cost_usd === null && row.attempts === 0) return <span className="gw-dim">–</span>;
  return <Cost usd={row.cost_usd} />;
}

function model(row: RequestSummary): string {
  return row.model_served ?? row.model_asked ?? "";
}

const COLUMNS: Record<Name, Column<RequestSummary>> = {
  at: {
    key: "at",
    title: "Time",
    lead: true,
    cell: (row) => (
      <Link href={`/requests/${row.id}`} title={`Request ${row.id}`}>
        <When iso={row.at} />
      </Link>
    ),
  },
  status: {
    key: "status",
    title: "Status",
    lead: true,
    cell: (row) => <StatusBadge status={row.status} error={row.error} />,
  },
  client: {
    key: "client",
    title: "Client",
    cell: (row) =>
      row.client_id ? (
        <Link href={`/clients/${row.client_id}`}>
          <Plain text={row.client_name ?? row.client_id} cut />
        </Link>
      ) : (
        <span className="gw-dim">{row.error === "invalid_api_key" ? "unknown key" : "–"}</span>
      ),
  },
  model: {
    key: "model",
    title: "Model",
    cell: (row) => (
      <>
        {model(row) ? <Plain text={model(row)} cut /> : <span className="gw-dim">none</span>}
        {(row.attempts > 1 || row.tools_used) && (
          <div className="gw-dim" style={{ display: "flex", gap: 6, alignItems: "center" }}>
            {row.attempts > 1 && `${row.attempts} attempts`}
            {row.tools_used && (
              <span title="The model called tools" role="img" aria-label="The model called tools" style={{ display: "inline-flex" }}>
                <Icon name="tools" size={13} />
              </span>
            )}
          </div>
        )}
      </>
    ),
  },
  tokens: {
    key: "tokens",
    title: "Tokens in / out",
    right: true,
    cell: (row) => (
      <span title={row.usage_estimated ? "Estimated: the provider reported none" : undefined} className="gw-num">
        {row.usage_estimated && "≈ "}
        <Num value={row.input_tokens} /> / <Num value={row.output_tokens} />
      </span>
    ),
  },
  cost: { key: "cost", title: "Cost", right: true, cell: (row) => <RequestCost row={row} /> },
  latency: {
    key: "latency",
    title: "Took",
    right: true,
    cell: (row) => <span className="gw-num">{duration(row.latency_ms)}</span>,
  },
};

export function requestColumns(...names: Name[]): Column<RequestSummary>[] {
  return names.map((name) => COLUMNS[name]);
}
