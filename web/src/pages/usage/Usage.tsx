import { Button, Chip, Group, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { address } from "@/api/http";
import { queries } from "@/api/queries";
import type { Usage as Report, UsageRow } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { Card, Page } from "@/components/Page";
import { SearchInput } from "@/components/SearchInput";
import { Empty, Load } from "@/components/States";
import { Cost, Num, Plain } from "@/components/Text";
import { compact, count, day, money, percent } from "@/lib/format";
import { useFilters } from "@/lib/useFilters";
import { ClientSelect } from "@/pages/requests/ClientSelect";
import { UsageChart } from "@/pages/usage/UsageChart";
import { Link } from "wouter";

const NAMES = ["from", "to", "client", "model", "group", "days"] as const;
type Values = Record<(typeof NAMES)[number], string>;
const GROUPS = ["day", "client", "model"] as const;
const DAYS = ["1", "7", "30", "90"];
const DAY_MS = 86_400_000;

function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The days that are asked for: those of the fields, or so many back from today. */
function range(values: Values): { from: string; to: string } {
  if (values.from || values.to) return { from: values.from, to: values.to };
  const days = Number(values.days || "30");
  return { from: isoDay(Date.now() - (days - 1) * DAY_MS), to: isoDay(Date.now()) };
}

function columns(groups: readonly string[]): Column<UsageRow>[] {
  const all: (Column<UsageRow> | false)[] = [
    groups.includes("day") && {
      key: "day",
      title: "Day",
      lead: true,
      cell: (row) => <strong>{day(row.day ?? "")}</strong>,
    },
    groups.includes("client") && {
      key: "client",
      title: "Client",
      cell: (row) =>
        row.client_id ? (
          <Link href={`/clients/${row.client_id}`}>
            <Plain text={row.client ?? row.client_id} cut />
          </Link>
        ) : (
          <span className="gw-dim">unknown</span>
        ),
    },
    groups.includes("model") && {
      key: "model",
      title: "Model",
      cell: (row) => (row.model ? <Plain text={row.model} cut /> : <span className="gw-dim">none</span>),
    },
    { key: "requests", title: "Requests", right: true, cell: (row) => <Num value={row.requests} /> },
    {
      key: "errors",
      title: "Failed",
      right: true,
      cell: (row) => (row.errors === 0 ? <Num value={0} /> : <span title={count(row.errors)}>{percent(row.errors / Math.max(1, row.requests))}</span>),
    },
    { key: "in", title: "Input", right: true, cell: (row) => <Num value={row.input_tokens} /> },
    { key: "cached", title: "of it cached", right: true, cell: (row) => <Num value={row.cached_tokens} /> },
    { key: "out", title: "Output", right: true, cell: (row) => <Num value={row.output_tokens} /> },
    {
      key: "cost",
      title: "Cost",
      right: true,
      cell: (row) => (
        <>
          <Cost usd={row.cost_usd} requests={row.requests} />
          {row.cost_usd !== null && row.unpriced_requests > 0 && (
            <div className="gw-dim">+ {compact(row.unpriced_requests)} unpriced</div>
          )}
        </>
      ),
    },
  ];
  return all.filter((column) => column !== false);
}

export default function Usage() {
  const { values, set } = useFilters(NAMES);
  const groups = (values.group || "day,client,model").split(",").filter((name) => name !== "none");
  const { from, to } = range(values);
  const query = { from, to, client: values.client, model: values.model, group: groups.join(",") };
  const usage = useQuery(queries.usage(query));
  return (
    <Page
      title="Usage"
      lead="Counted by the gateway's calendar day."
      actions={
        <Button
          component="a"
          variant="default"
          href={address("/usage.csv", query)}
          download
          leftSection={<Icon name="download" size={15} />}
        >
          Export CSV
        </Button>
      }
    >
      <Filters values={values} set={set} groups={groups} />
      <UsageChart query={{ from, to, client: values.client, model: values.model, group: "day" }} />
      <Load query={usage} rows={8}>
        {(report) => <Table report={report} groups={groups} />}
      </Load>
    </Page>
  );
}

function Table({ report, groups }: { report: Report; groups: string[] }) {
  const { rows, totals } = report;
  const cost = totals.cost_usd === null ? "unpriced" : money(totals.cost_usd);
  return (
    <Card
      title="Rows"
      aside={
        <span className="gw-dim">
          {count(totals.requests)} requests, {compact(totals.input_tokens)} in, {compact(totals.output_tokens)} out,{" "}
          {totals.requests === 0 ? "$0" : cost}
          {totals.unpriced_requests > 0 && totals.cost_usd !== null && ` without ${count(totals.unpriced_requests)} unpriced`}
        </span>
      }
    >
      {report.truncated && <p className="gw-dim">There are more rows than are shown. The CSV has them all.</p>}
      {rows.length === 0 ? (
        <Empty title="No usage in this time" icon="usage">
          Pick other days, or take a filter off.
        </Empty>
      ) : (
        <DataTable
          label="Usage"
          columns={columns(groups)}
          rows={rows}
          rowKey={(row) => [row.day, row.client_id, row.model].join("\u0000")}
        />
      )}
    </Card>
  );
}

function Filters({
  values,
  set,
  groups,
}: {
  values: Values;
  set: (change: Partial<Values>) => void;
  groups: string[];
}) {
  const own = values.from || values.to;
  return (
    <div role="search" aria-label="Filter the usage" style={{ display: "grid", gap: 12 }}>
      <div className="gw-bar">
        <Select
          label="Time"
          data={[
            ...DAYS.map((days) => ({ value: days, label: days === "1" ? "Today" : `Last ${days} days` })),
            { value: "own", label: "Own days" },
          ]}
          value={own ? "own" : values.days || "30"}
          allowDeselect={false}
          onChange={(days) =>
            days === "own"
              ? set({ from: isoDay(Date.now() - 6 * DAY_MS), to: isoDay(Date.now()) })
              : set({ days: days ?? "", from: "", to: "" })
          }
        />
        {own && (
          <>
            <TextInput
              type="date"
              label="From"
              value={values.from}
              onChange={(event) => set({ from: event.currentTarget.value })}
            />
            <TextInput
              type="date"
              label="To"
              value={values.to}
              onChange={(event) => set({ to: event.currentTarget.value })}
            />
          </>
        )}
        <ClientSelect value={values.client} onChange={(client) => set({ client })} />
        <SearchInput label="Model" placeholder="Any" value={values.model} onChange={(model) => set({ model })} />
      </div>
      <Chip.Group
        multiple
        value={groups}
        onChange={(chosen) => set({ group: GROUPS.filter((name) => chosen.includes(name)).join(",") || "none" })}
      >
        <Group gap="xs" role="group" aria-label="Rows by">
          <span className="gw-dim">Rows by</span>
          {GROUPS.map((name) => (
            <Chip key={name} value={name} size="xs">
              {name}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
    </div>
  );
}
