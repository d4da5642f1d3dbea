import { Badge, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { queries } from "@/api/queries";
import type { Circuit, Setting, Status } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Facts } from "@/components/Facts";
import { Icon } from "@/components/Icon";
import { Card, Page } from "@/components/Page";
import { Empty, Load } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { ago, count } from "@/lib/format";

export default function Settings() {
  const status = useQuery(queries.status());
  const settings = useQuery(queries.settings());
  return (
    <Page title="Settings" lead="How this gateway runs. Change it in its configuration file: a change takes a restart.">
      <Load query={status} rows={4}>
        {(now) => <Now status={now} />}
      </Load>
      <Load query={settings} rows={8}>
        {({ items, config_path }) => <Config items={items} path={config_path} />}
      </Load>
    </Page>
  );
}

function Now({ status }: { status: Status }) {
  const ok = status.health.status === "ok";
  return (
    <>
      <div className="gw-two">
        <Card title="Status">
          <Facts
            rows={[
              [
                "Health",
                <span key="h">
                  <span className="gw-dot" data-kind={ok ? "ok" : "bad"} aria-hidden="true" />{" "}
                  <Plain text={status.health.status} />
                </span>,
              ],
              ...Object.entries(status.health.checks).map(
                ([name, value]) => [name.replaceAll("_", " "), <Plain key={name} text={String(value)} />] as const,
              ),
              ["Version", <Plain key="v" text={status.version} mono />],
              ["Commit", <Plain key="c" text={status.commit} mono />],
              ["Started", <span key="s" title={status.started_at}>{ago(status.started_at)}</span>],
              ["In flight", count(status.in_flight)],
              ["Rows in the spool", count(status.spool_depth)],
            ]}
          />
        </Card>
        <Card title="Prices and days">
          <Facts
            rows={[
              ["Prices from", <Plain key="p" text={status.prices.source} />],
              ["Their version", <Plain key="v" text={status.prices.version || "–"} />],
              ["Calendar days", <Plain key="t" text={status.timezone} />],
            ]}
          />
          <p className="gw-dim" style={{ marginBottom: 0 }}>
            A model without a known price is counted as unpriced, never as $0. prices.overrides in the configuration adds
            one.
          </p>
        </Card>
      </div>
      <Circuits rows={status.circuits} />
    </>
  );
}

const STATES = {
  closed: { word: "In use", color: "teal" },
  half_open: { word: "Being tried again", color: "orange" },
  open: { word: "Skipped", color: "red" },
} as const;

const CIRCUITS: Column<Circuit>[] = [
  {
    key: "model",
    title: "Model",
    lead: true,
    cell: (row) => (
      <>
        <Plain text={row.model || "any model"} />
        <div className="gw-dim">{row.provider}</div>
      </>
    ),
  },
  { key: "base", title: "Address", cell: (row) => <Plain text={row.backend_base} mono /> },
  {
    key: "state",
    title: "State",
    cell: (row) => <Badge color={STATES[row.state].color}>{STATES[row.state].word}</Badge>,
  },
  { key: "failures", title: "Failures", right: true, cell: (row) => count(row.failures) },
  {
    key: "retry",
    title: "Tried again",
    right: true,
    cell: (row) => (row.retry_at ? <When iso={row.retry_at} relative /> : <span className="gw-dim">–</span>),
  },
];

function Circuits({ rows }: { rows: readonly Circuit[] }) {
  return (
    <Card title="Circuit breakers">
      {rows.length === 0 ? (
        <Empty title="No backend is failing" icon="check">
          One that keeps failing is skipped for a while, and stands here.
        </Empty>
      ) : (
        <DataTable
          label="Circuit breakers"
          columns={CIRCUITS}
          rows={rows}
          rowKey={(row) => [row.provider, row.backend_base, row.model].join(" ")}
        />
      )}
    </Card>
  );
}

const SOURCES = { file: "file", environment: "environment", default: "default", generated: "generated" } as const;

function shown(value: Setting["value"]): string {
  if (value === null || value === "") return "empty";
  return Array.isArray(value) ? value.join(", ") || "empty" : String(value);
}

/** What somebody chose otherwise than the default stands out. */
function Value({ row }: { row: Setting }) {
  const text = <Plain text={shown(row.value)} mono />;
  return shown(row.value) === shown(row.default) ? text : <strong>{text}</strong>;
}

const SETTINGS: Column<Setting>[] = [
  { key: "key", title: "Setting", lead: true, cell: (row) => <Plain text={row.key} mono /> },
  { key: "value", title: "Value", cell: (row) => <Value row={row} /> },
  {
    key: "default",
    title: "Default",
    cell: (row) => (
      <span className="gw-dim">
        <Plain text={shown(row.default)} mono />
      </span>
    ),
  },
  {
    key: "source",
    title: "From",
    cell: (row) => <Badge color={row.source === "environment" ? "indigo" : "gray"}>{SOURCES[row.source]}</Badge>,
  },
];

function Config({ items, path }: { items: readonly Setting[]; path: string }) {
  const [search, setSearch] = useState("");
  const found = items.filter((item) => item.key.toLowerCase().includes(search.trim().toLowerCase()));
  return (
    <Card title="Configuration">
      <p className="gw-dim" style={{ marginTop: 0 }}>
        Read only. It stands in <Plain text={path} mono />; environment variables such as AI_GATEWAY_SERVER__PORT come before it.
      </p>
      <TextInput
        type="search"
        aria-label="Search the settings"
        placeholder="Search"
        leftSection={<Icon name="search" size={15} />}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
        maw={320}
        mb="sm"
      />
      {found.length === 0 ? (
        <Empty title="No setting has this in its name" />
      ) : (
        <DataTable label="Configuration" columns={SETTINGS} rows={found} rowKey={(row) => row.key} />
      )}
    </Card>
  );
}
