import { Button, Group, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useLocation } from "wouter";

import { queries } from "@/api/queries";
import { DataTable } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { Page } from "@/components/Page";
import { usePaging } from "@/components/Pager";
import { requestColumns } from "@/components/requestColumns";
import { SearchInput } from "@/components/SearchInput";
import { Empty, Load } from "@/components/States";
import { useFilters } from "@/lib/useFilters";
import { ClientSelect } from "@/pages/requests/ClientSelect";

const PAGE = 50;
const NAMES = ["client", "model", "provider", "status", "since", "until", "q", "streaming"] as const;
type Values = Record<(typeof NAMES)[number], string>;
type Set = (change: Partial<Values>) => void;

const STATUSES = [
  { value: "", label: "Any" },
  { value: "ok", label: "Answered" },
  { value: "error", label: "Failed" },
  { value: "4xx", label: "4xx: the caller's" },
  { value: "429", label: "429: limited" },
  { value: "5xx", label: "5xx: the provider's" },
];

export default function Requests() {
  const [, navigate] = useLocation();
  const { values, set, key } = useFilters(NAMES);
  const paging = usePaging(key);
  const requests = useQuery(
    queries.requests({
      ...values,
      since: instant(values.since),
      until: instant(values.until),
      limit: PAGE,
      cursor: paging.cursor,
    }),
  );
  const filtered = Object.values(values).some(Boolean);
  return (
    <Page
      title="Requests"
      lead="Newest first. The address holds the filters: send it to somebody, or keep it."
      actions={
        <Button
          variant="default"
          loading={requests.isFetching}
          onClick={() => void requests.refetch()}
          leftSection={<Icon name="refresh" size={15} />}
        >
          Refresh
        </Button>
      }
    >
      <Filters values={values} set={set} filtered={filtered} />
      <div className="gw-card">
        <Load query={requests} rows={10}>
          {({ items, next_cursor }) => (
            <>
              {items.length === 0 ? (
                <Nothing filtered={filtered} more={next_cursor !== null} />
              ) : (
                <DataTable
                  label="Requests"
                  columns={requestColumns("at", "status", "client", "model", "tokens", "cost", "latency")}
                  rows={items}
                  rowKey={(row) => row.id}
                  onRow={(row) => navigate(`/requests/${row.id}`)}
                />
              )}
              {paging.pager(next_cursor, requests.isPlaceholderData)}
            </>
          )}
        </Load>
      </div>
    </Page>
  );
}

function Nothing({ filtered, more }: { filtered: boolean; more: boolean }) {
  if (more) return <Empty title="None on this page">There are older requests to search: go on with “Next”.</Empty>;
  if (filtered) return <Empty title="No request matches">Take a filter off, or widen the time.</Empty>;
  return (
    <Empty title="No request yet" icon="requests">
      Each one is here as soon as it has ended.
    </Empty>
  );
}

/** A local date and time of the browser's field as an instant. */
function instant(local: string): string {
  const at = new Date(local);
  return local && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}

function Filters({ values, set, filtered }: { values: Values; set: Set; filtered: boolean }) {
  const providers = useQuery(queries.providers());
  const known = STATUSES.some(({ value }) => value === values.status);
  const statuses = known ? STATUSES : [...STATUSES, { value: values.status, label: values.status }];
  return (
    <div role="search" aria-label="Filter the requests" style={{ display: "grid", gap: 10 }}>
      <div className="gw-bar">
        <SearchInput label="Text" placeholder="In ids, errors, addresses" value={values.q} onChange={(q) => set({ q })} />
        <ClientSelect value={values.client} onChange={(client) => set({ client })} />
        <SearchInput label="Model" placeholder="Any" value={values.model} onChange={(model) => set({ model })} />
        <Select
          label="Provider"
          placeholder="Any"
          clearable
          searchable
          data={(providers.data?.items ?? []).map((p) => ({ value: p.name, label: p.title }))}
          value={values.provider || null}
          onChange={(provider) => set({ provider: provider ?? "" })}
        />
      </div>
      <div className="gw-bar">
        <Select
          label="Status"
          data={statuses}
          value={values.status}
          onChange={(status) => set({ status: status ?? "" })}
          allowDeselect={false}
        />
        <Select
          label="Kind"
          data={[
            { value: "", label: "Any" },
            { value: "true", label: "Streamed" },
            { value: "false", label: "Not streamed" },
          ]}
          value={values.streaming}
          onChange={(streaming) => set({ streaming: streaming ?? "" })}
          allowDeselect={false}
        />
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
      {filtered && (
        <Group>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<Icon name="cross" size={13} />}
            onClick={() => set(Object.fromEntries(NAMES.map((name) => [name, ""])))}
          >
            Take all filters off
          </Button>
        </Group>
      )}
    </div>
  );
}
