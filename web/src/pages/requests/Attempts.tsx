import type { Attempt } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Card } from "@/components/Page";
import { StatusBadge } from "@/components/StatusBadge";
import { Cost, Num, Plain } from "@/components/Text";
import { duration } from "@/lib/format";

type Row = Attempt & { number: number };

const COLUMNS: Column<Row>[] = [
  { key: "number", title: "#", lead: true, cell: (row) => <strong>{row.number}</strong> },
  {
    key: "model",
    title: "Model",
    cell: (row) => (
      <>
        <Plain text={row.model} cut />
        <div className="gw-dim">
          <Plain text={row.backend && row.backend !== row.provider ? `${row.backend} (${row.provider})` : row.provider} />
        </div>
      </>
    ),
  },
  {
    key: "status",
    title: "Result",
    cell: (row) =>
      row.status === null ? (
        <Plain text={row.error ?? "no answer"} />
      ) : (
        <StatusBadge status={row.status} error={row.error} />
      ),
  },
  { key: "start", title: "Started after", right: true, cell: (row) => duration(row.started_ms) },
  { key: "took", title: "Took", right: true, cell: (row) => duration(row.latency_ms) },
  {
    key: "tokens",
    title: "Tokens in / out",
    right: true,
    cell: (row) => (
      <span className="gw-num">
        <Num value={row.input_tokens} /> / <Num value={row.output_tokens} />
      </span>
    ),
  },
  { key: "cost", title: "Cost", right: true, cell: (row) => <Cost usd={row.cost_usd} /> },
];

const ROUND: Column<Row> = {
  key: "round",
  title: "Round",
  right: true,
  cell: (row) => <span className="gw-num">{row.round}</span>,
};
const WITH_ROUND = [...COLUMNS.slice(0, 1), ROUND, ...COLUMNS.slice(1)];

/** Each call to a provider: retries and fallbacks are told one by one, and rounds between which tools ran. */
export function Attempts({ rows, count }: { rows: readonly Attempt[]; count: number }) {
  const rounds = new Set(rows.map((row) => row.round)).size;
  const told = count === 1 ? "One attempt" : `${count} attempts`;
  return (
    <Card title={rounds > 1 ? `${told} in ${rounds} rounds` : told}>
      {rows.length === 0 ? (
        <span className="gw-dim">
          {count === 0 ? "No provider was asked." : "One call, without retry or fallback: the timing above is its own."}
        </span>
      ) : (
        <DataTable
          label="Attempts"
          columns={rounds > 1 ? WITH_ROUND : COLUMNS}
          rows={rows.map((row, index) => ({ ...row, number: index + 1 }))}
          rowKey={(row) => String(row.number)}
        />
      )}
    </Card>
  );
}
