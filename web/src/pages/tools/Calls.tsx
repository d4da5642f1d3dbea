import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";

import { queries } from "@/api/queries";
import type { ToolCall } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Card } from "@/components/Page";
import { Empty, Load } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { ToolName, ToolOutcome } from "@/components/ToolOutcome";
import { duration } from "@/lib/format";

type Row = ToolCall & { number: number };

const COLUMNS: Column<Row>[] = [
  {
    key: "at",
    title: "Time",
    lead: true,
    cell: (row) => (
      <Link href={`/requests/${row.request_id}`} title={`Request ${row.request_id}`}>
        <When iso={row.at} />
      </Link>
    ),
  },
  { key: "outcome", title: "Result", lead: true, cell: (row) => <ToolOutcome error={row.error} /> },
  { key: "tool", title: "Tool", cell: (row) => <ToolName name={row.name} server={row.error === "unknown_tool" ? "made up by the model" : row.server} /> },
  {
    key: "client",
    title: "Client",
    cell: (row) =>
      row.client_id ? (
        <Link href={`/clients/${row.client_id}`}>
          <Plain text={row.client_name ?? row.client_id} cut />
        </Link>
      ) : (
        <span className="gw-dim">–</span>
      ),
  },
  { key: "round", title: "Round", right: true, cell: (row) => <span className="gw-num">{row.round}</span> },
  { key: "took", title: "Took", right: true, cell: (row) => <span className="gw-num">{duration(row.duration_ms)}</span> },
];

/** What models have called, newest first. */
export function Calls() {
  const calls = useQuery(queries.toolCalls());
  const [, navigate] = useLocation();
  return (
    <Card title="Recent calls">
      <Load query={calls} rows={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No call yet" icon="requests">
              Each one is here as soon as its request has ended. What you try here is in the audit log instead.
            </Empty>
          ) : (
            <DataTable
              label="Recent calls"
              columns={COLUMNS}
              rows={items.map((row, number) => ({ ...row, number }))}
              rowKey={(row) => `${row.request_id} ${row.number}`}
              onRow={(row) => navigate(`/requests/${row.request_id}`)}
            />
          )
        }
      </Load>
    </Card>
  );
}
