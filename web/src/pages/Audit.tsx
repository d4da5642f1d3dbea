import { Badge, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { queries } from "@/api/queries";
import type { AuditRow } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Page } from "@/components/Page";
import { usePaging } from "@/components/Pager";
import { SearchInput } from "@/components/SearchInput";
import { Empty, Load } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { useFilters } from "@/lib/useFilters";

const PAGE = 50;
const NAMES = ["actor", "action", "target", "since", "until"] as const;

function Changes({ row }: { row: AuditRow }) {
  if (row.changes.length === 0) return <span className="gw-dim">–</span>;
  return (
    <details>
      <summary>
        {row.changes.length === 1 ? row.changes[0]?.field : `${row.changes.length} fields`}
      </summary>
      <dl style={{ margin: "6px 0 0", display: "grid", gap: 4, fontSize: "0.82rem" }}>
        {row.changes.map((change) => (
          <div key={change.field}>
            <dt className="gw-mono">{change.field}</dt>
            <dd style={{ margin: 0 }}>
              <Plain text={change.before ?? "empty"} /> → <Plain text={change.after ?? "empty"} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Target({ row }: { row: AuditRow }) {
  const name = <Plain text={row.target_name ?? row.target_id ?? row.target_kind} cut />;
  return (
    <>
      {row.target_kind === "client" && row.target_id ? <Link href={`/clients/${row.target_id}`}>{name}</Link> : name}
      <div className="gw-dim">{row.target_kind}</div>
    </>
  );
}

const KINDS = { user: "user", token: "API token", cli: "command line" } as const;

const COLUMNS: Column<AuditRow>[] = [
  { key: "at", title: "When", lead: true, cell: (row) => <When iso={row.at} /> },
  {
    key: "actor",
    title: "Who",
    cell: (row) => (
      <>
        <Plain text={row.actor} />
        <div className="gw-dim">{KINDS[row.actor_kind]}</div>
      </>
    ),
  },
  { key: "action", title: "What", cell: (row) => <Badge color="gray">{row.action}</Badge> },
  { key: "target", title: "Which", cell: (row) => <Target row={row} /> },
  { key: "changes", title: "Changed", cell: (row) => <Changes row={row} /> },
  {
    key: "address",
    title: "From",
    cell: (row) => (row.address ? <Plain text={row.address} mono /> : <span className="gw-dim">this machine</span>),
  },
];

function instant(local: string): string {
  const at = new Date(local);
  return local && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}

export default function Audit() {
  const { values, set, key } = useFilters(NAMES);
  const paging = usePaging(key);
  const audit = useQuery(
    queries.audit({
      ...values,
      since: instant(values.since),
      until: instant(values.until),
      limit: PAGE,
      cursor: paging.cursor,
    }),
  );
  return (
    <Page title="Audit log" lead="Every change by an admin, an API token or the command line. Nothing here can be edited.">
      <div className="gw-bar" role="search" aria-label="Filter the audit log">
        <SearchInput label="Who" placeholder="Anybody" value={values.actor} onChange={(actor) => set({ actor })} />
        <SearchInput
          label="What"
          placeholder="Such as client.update"
          value={values.action}
          onChange={(action) => set({ action })}
        />
        <SearchInput label="Which" placeholder="Name or id" value={values.target} onChange={(target) => set({ target })} />
        <TextInput
          type="datetime-local"
          label="From"
          value={values.since}
          onChange={(event) => set({ since: event.currentTarget.value })}
        />
        <TextInput
          type="datetime-local"
          label="Until"
          value={values.until}
          onChange={(event) => set({ until: event.currentTarget.value })}
        />
      </div>
      <div className="gw-card">
        <Load query={audit} rows={8}>
          {({ items, next_cursor }) => (
            <>
              {items.length === 0 ? (
                <Empty title="Nothing here" icon="audit">
                  {Object.values(values).some(Boolean) ? "Take a filter off." : "Changes are written down from now on."}
                </Empty>
              ) : (
                <DataTable label="Audit log" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />
              )}
              {paging.pager(next_cursor, audit.isPlaceholderData)}
            </>
          )}
        </Load>
      </div>
    </Page>
  );
}
