import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";

import { queries } from "@/api/queries";
import type { ClientSummary } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { LimitMeter } from "@/components/Meter";
import { Page } from "@/components/Page";
import { usePaging } from "@/components/Pager";
import { SearchInput } from "@/components/SearchInput";
import { Empty, Load } from "@/components/States";
import { ClientState } from "@/components/StatusBadge";
import { Cost, Plain, When } from "@/components/Text";
import { compact, plural } from "@/lib/format";
import { tightest } from "@/lib/limits";
import { useFilters } from "@/lib/useFilters";
import { useIsAdmin } from "@/session/hooks";

const PAGE = 50;
const NAMES = ["q", "backend", "active", "sort"] as const;

const COLUMNS: Column<ClientSummary>[] = [
  {
    key: "name",
    title: "Client",
    lead: true,
    cell: (row) => (
      <div style={{ minWidth: 0 }}>
        <Link href={`/clients/${row.id}`} style={{ fontWeight: 600 }}>
          <Plain text={row.name} cut />
        </Link>
        <div className="gw-dim gw-cut" style={{ display: "block" }}>
          <Plain text={row.description || row.backend} />
        </div>
      </div>
    ),
  },
  {
    key: "state",
    title: "State",
    lead: true,
    cell: (row) => <ClientState active={row.is_active} expiresAt={row.expires_at} />,
  },
  {
    key: "model",
    title: "Provider, model",
    cell: (row) => (
      <>
        <Plain text={row.backend} />
        <div className="gw-dim">
          <Plain text={row.default_model || "any model"} cut />
        </div>
      </>
    ),
  },
  { key: "usage", title: "Tightest limit", cell: (row) => <Tightest row={row} /> },
  {
    key: "today",
    title: "Today",
    right: true,
    cell: (row) => (
      <span style={{ whiteSpace: "nowrap" }}>
        {plural(row.today.requests, "request")}
        <div className="gw-dim">
          {row.today.errors > 0
            ? `${compact(row.today.errors)} failed`
            : `${compact(row.today.input_tokens + row.today.output_tokens)} tokens`}
        </div>
      </span>
    ),
  },
  {
    key: "cost",
    title: "Cost",
    right: true,
    cell: (row) => <Cost usd={row.today.cost_usd} requests={row.today.requests} />,
  },
  { key: "seen", title: "Last seen", right: true, cell: (row) => <When iso={row.last_seen} relative /> },
];

function Tightest({ row }: { row: ClientSummary }) {
  const [limit] = tightest(row.limits);
  return limit ? <LimitMeter limit={limit} slim /> : <span className="gw-dim">Unlimited</span>;
}

export default function Clients() {
  const admin = useIsAdmin();
  const [, navigate] = useLocation();
  const { values, set, key } = useFilters(NAMES);
  const paging = usePaging(key);
  const clients = useQuery(queries.clients({ limit: PAGE, ...values, cursor: paging.cursor }));
  const filtered = Object.values(values).some(Boolean);
  const create = (
    <Button component={Link} href="/clients/new" leftSection={<Icon name="plus" size={16} />}>
      New client
    </Button>
  );
  return (
    <Page
      title="Clients"
      lead="Each has its own key, provider, models and limits."
      actions={admin ? create : undefined}
    >
      <Filters values={values} set={set} />
      <div className="gw-card">
        <Load query={clients} rows={8}>
          {({ items, next_cursor }) => (
            <>
              {items.length === 0 ? (
                <Nothing filtered={filtered} action={admin && !filtered ? create : undefined} />
              ) : (
                <DataTable
                  label="Clients"
                  columns={COLUMNS}
                  rows={items}
                  rowKey={(row) => row.id}
                  onRow={(row) => navigate(`/clients/${row.id}`)}
                />
              )}
              {paging.pager(next_cursor, clients.isPlaceholderData)}
            </>
          )}
        </Load>
      </div>
    </Page>
  );
}

function Nothing({ filtered, action }: { filtered: boolean; action: React.ReactNode }) {
  if (filtered) return <Empty title="No client matches">Search for something else, or take a filter off.</Empty>;
  return (
    <Empty title="No clients yet" icon="clients" action={action}>
      A client is whoever holds a gateway key: an application, a person, a team.
    </Empty>
  );
}

type Values = Record<(typeof NAMES)[number], string>;

function Filters({ values, set }: { values: Values; set: (change: Partial<Values>) => void }) {
  const providers = useQuery(queries.providers());
  return (
    <div className="gw-bar" role="search" aria-label="Filter the clients">
      <SearchInput label="Search" placeholder="Name or description" value={values.q} onChange={(q) => set({ q })} />
      <Select
        label="Provider"
        placeholder="Any"
        clearable
        searchable
        data={(providers.data?.items ?? []).map((p) => ({ value: p.name, label: p.title }))}
        value={values.backend || null}
        onChange={(backend) => set({ backend: backend ?? "" })}
      />
      <Select
        label="State"
        data={[
          { value: "", label: "Any" },
          { value: "true", label: "Active" },
          { value: "false", label: "Disabled" },
        ]}
        value={values.active}
        onChange={(active) => set({ active: active ?? "" })}
        allowDeselect={false}
      />
      <Select
        label="Sorted by"
        data={[
          { value: "", label: "Name" },
          { value: "last_seen", label: "Last seen" },
          { value: "cost_today", label: "Cost today" },
        ]}
        value={values.sort}
        onChange={(sort) => set({ sort: sort ?? "" })}
        allowDeselect={false}
      />
    </div>
  );
}
