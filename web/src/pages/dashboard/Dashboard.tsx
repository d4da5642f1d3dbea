import { Alert, Button, Group, Text } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { Link, useLocation } from "wouter";

import type { Overview } from "@/api/types";
import { REQUEST_SERIES, requestPoints, TOKEN_SERIES, tokenPoints } from "@/charts/traffic";
import { TimeChart } from "@/charts/TimeChart";
import { DataTable } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { Card, Page } from "@/components/Page";
import { requestColumns } from "@/components/requestColumns";
import { Empty, Loading } from "@/components/States";
import { compact, count } from "@/lib/format";
import type { FeedState } from "@/live/feed";
import { feed } from "@/live/feed";
import { TopClients, TopModels } from "@/pages/dashboard/Top";
import { Tiles } from "@/pages/dashboard/Tiles";
import { Welcome } from "@/pages/dashboard/Welcome";
import { LiveMark } from "@/pages/dashboard/LiveMark";

const WORDS = "Today, by the gateway's calendar day";

export function Dashboard() {
  const state = useSyncExternalStore(feed.subscribe, feed.get);
  return (
    <Page title="Dashboard" lead={WORDS} actions={<LiveMark state={state} />}>
      <Welcome />
      <Stale state={state} />
      {state.data ? <Content data={state.data} fresh={state.fresh} /> : <Loading rows={8} height={56} />}
    </Page>
  );
}

function Stale({ state }: { state: FeedState }) {
  if (state.status === "live" || !state.data) return null;
  return (
    <Alert color="yellow" variant="light" icon={<Icon name="warning" />} role="alert" title="These numbers are old">
      <Group justify="space-between" gap="xs">
        <Text size="sm">The connection to the gateway was lost. It is being tried again.</Text>
        <Button size="compact-sm" variant="default" onClick={feed.reconnect}>
          Connect now
        </Button>
      </Group>
    </Alert>
  );
}

function Content({ data, fresh }: { data: Overview; fresh: ReadonlySet<string> }) {
  const [, navigate] = useLocation();
  const { points, step_s: step } = data.series;
  const sum = (pick: (p: (typeof points)[number]) => number) => points.reduce((all, p) => all + pick(p), 0);
  return (
    <>
      <Tiles data={data} />
      <div className="gw-two">
        <Card title="Requests, last hour" aside={<span className="gw-dim">{count(sum((p) => p.requests))} in all</span>}>
          <TimeChart
            label="Requests a minute, last hour"
            series={REQUEST_SERIES}
            points={requestPoints(points, step)}
            format={compact}
          />
        </Card>
        <Card
          title="Tokens, last hour"
          aside={<span className="gw-dim">{compact(sum((p) => p.input_tokens + p.output_tokens))} in all</span>}
        >
          <TimeChart
            label="Tokens a minute, last hour"
            series={TOKEN_SERIES}
            points={tokenPoints(points, step)}
            format={compact}
          />
        </Card>
      </div>
      <div className="gw-two">
        <TopModels rows={data.top_models} />
        <TopClients rows={data.top_clients} />
      </div>
      <Card title="Recent requests" aside={<Link href="/requests">All requests</Link>}>
        {data.recent.length === 0 ? (
          <Empty title="No request yet" icon="requests">
            The first one shows up here as it ends. <Link href="/clients">A client&apos;s page</Link> has snippets to paste.
          </Empty>
        ) : (
          <DataTable
            label="Recent requests"
            columns={requestColumns("at", "status", "client", "model", "tokens", "cost", "latency")}
            rows={data.recent}
            rowKey={(row) => row.id}
            onRow={(row) => navigate(`/requests/${row.id}`)}
            fresh={(row) => fresh.has(row.id)}
          />
        )}
      </Card>
    </>
  );
}
