import { Alert, Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";

import { ApiError } from "@/api/http";
import { queries } from "@/api/queries";
import type { ClientDetail } from "@/api/types";
import { DataTable } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { LimitMeter } from "@/components/Meter";
import { Card, Page } from "@/components/Page";
import { requestColumns } from "@/components/requestColumns";
import { Empty, Load } from "@/components/States";
import { ClientState } from "@/components/StatusBadge";
import { ClientActions } from "@/pages/clients/ClientActions";
import { ClientFacts } from "@/pages/clients/ClientFacts";
import { Snippets } from "@/pages/clients/Snippets";
import { Traffic } from "@/pages/clients/Traffic";
import { useIsAdmin } from "@/session/hooks";

const WATCH_MS = 5_000;
const HISTORY = 10;

export default function ClientPage({ id }: { id: string }) {
  const client = useQuery({ ...queries.client(id), refetchInterval: WATCH_MS });
  const admin = useIsAdmin();
  const gone = client.error instanceof ApiError && client.error.status === 404;
  const found = client.data?.client;
  const back = { href: "/clients", label: "Clients" };
  if (gone) {
    return (
      <Page title={found?.name ?? "Client"} back={back}>
        <div className="gw-card" role="alert">
          <Empty icon="trash" title={found ? "This client has been deleted" : "There is no such client"} action={
            <Button component={Link} href="/clients" variant="default">To the clients</Button>
          }>
            Its keys no longer work. Its requests stay in the <Link href={`/requests?client=${id}`}>history</Link>.
          </Empty>
        </div>
      </Page>
    );
  }
  return (
    <Page
      title={found?.name ?? "Client"}
      back={back}
      badge={found && <ClientState active={found.is_active} expiresAt={found.expires_at} />}
      actions={found && admin ? <ClientActions client={found} /> : undefined}
    >
      <Load query={client} rows={8}>
        {(detail) => <Content detail={detail} />}
      </Load>
    </Page>
  );
}

function Content({ detail: { client, limits } }: { detail: ClientDetail }) {
  return (
    <>
      {!client.is_active && (
        <Alert color="gray" variant="light" icon={<Icon name="warning" />}>
          This client is disabled: its requests get 403.
        </Alert>
      )}
      <div className="gw-two">
        <Card title="Limits, and what is left">
          {limits.length === 0 ? (
            <Empty title="Unlimited" icon="usage">
              No limit is set. Requests and costs have no bound.
            </Empty>
          ) : (
            <div style={{ display: "grid", gap: 14 }}>
              {limits.map((limit) => (
                <LimitMeter key={limit.name} limit={limit} />
              ))}
            </div>
          )}
        </Card>
        <ClientFacts client={client} />
      </div>
      <Traffic clientId={client.id} />
      <Card title="Connect">
        <Snippets clientId={client.id} />
      </Card>
      <History id={client.id} />
    </>
  );
}

function History({ id }: { id: string }) {
  const [, navigate] = useLocation();
  const requests = useQuery({ ...queries.requests({ client: id, limit: HISTORY }), refetchInterval: WATCH_MS });
  return (
    <Card title="Latest requests" aside={<Link href={`/requests?client=${id}`}>All of its requests</Link>}>
      <Load query={requests} rows={4}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No request yet" icon="requests">
              Paste a snippet from above to make the first one.
            </Empty>
          ) : (
            <DataTable
              label="Latest requests of this client"
              columns={requestColumns("at", "status", "model", "tokens", "cost", "latency")}
              rows={items}
              rowKey={(row) => row.id}
              onRow={(row) => navigate(`/requests/${row.id}`)}
            />
          )
        }
      </Load>
    </Card>
  );
}
