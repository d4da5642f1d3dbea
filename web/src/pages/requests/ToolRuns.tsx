import type { ToolRun } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Card } from "@/components/Page";
import { ToolName, ToolOutcome } from "@/components/ToolOutcome";
import { duration, plural } from "@/lib/format";

type Row = ToolRun & { number: number };

const COLUMNS: Column<Row>[] = [
  {
    key: "tool",
    title: "Tool",
    lead: true,
    cell: (row) => <ToolName name={row.name} server={row.error === "unknown_tool" ? "made up by the model" : row.server} />,
  },
  { key: "outcome", title: "Result", lead: true, cell: (row) => <ToolOutcome error={row.error} /> },
  { key: "round", title: "After round", right: true, cell: (row) => <span className="gw-num">{row.round}</span> },
  { key: "start", title: "Started after", right: true, cell: (row) => duration(row.started_ms) },
  { key: "took", title: "Took", right: true, cell: (row) => duration(row.duration_ms) },
];

/** What the gateway ran between the model's rounds. */
export function ToolRuns({ rows }: { rows: readonly ToolRun[] }) {
  if (rows.length === 0) return null;
  return (
    <Card title={`${plural(rows.length, "tool call")}, run by the gateway`}>
      <DataTable
        label="Tool calls"
        columns={COLUMNS}
        rows={rows.map((row, index) => ({ ...row, number: index }))}
        rowKey={(row) => String(row.number)}
      />
    </Card>
  );
}
