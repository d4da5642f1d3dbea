import { useQuery } from "@tanstack/react-query";
import { Alert, Button } from "@mantine/core";

import { queries } from "@/api/queries";
import type { RequestDetail } from "@/api/types";
import { Copy } from "@/components/Copy";
import { Facts } from "@/components/Facts";
import { Icon } from "@/components/Icon";
import { Card, Page } from "@/components/Page";
import { RequestCost } from "@/components/requestColumns";
import { Load } from "@/components/States";
import { StatusBadge } from "@/components/StatusBadge";
import { Block, Num, Plain, When } from "@/components/Text";
import { duration } from "@/lib/format";
import { pretty } from "@/lib/text";
import { Attempts } from "@/pages/requests/Attempts";
import { Timing } from "@/pages/requests/Timing";
import { ToolRuns } from "@/pages/requests/ToolRuns";
import { Link } from "wouter";

export default function RequestPage({ id }: { id: string }) {
  const request = useQuery({ ...queries.request(id), staleTime: Infinity });
  const found = request.data;
  return (
    <Page
      title="Request"
      back={{ href: "/requests", label: "Requests" }}
      badge={found && <StatusBadge status={found.status} error={found.error} />}
      lead={
        <>
          <Plain text={id} mono />
        </>
      }
      actions={
        <>
          <Copy text={id} label="Copy the id" size="sm" />
          <Button variant="default" onClick={() => window.history.back()}>
            Back
          </Button>
        </>
      }
    >
      <Load query={request} rows={8}>
        {(detail) => <Content request={detail} />}
      </Load>
    </Page>
  );
}

function Content({ request }: { request: RequestDetail }) {
  return (
    <>
      {request.error_message && (
        <Alert color="red" variant="light" icon={<Icon name="warning" />} title="What the caller was told">
          <Plain text={request.error_message} />
        </Alert>
      )}
      <Card title="Timing" aside={<span className="gw-num">{duration(request.latency_ms)} in all</span>}>
        <Timing request={request} />
      </Card>
      <div className="gw-two">
        <Card title="What was asked">
          <What request={request} />
        </Card>
        <Card title="Tokens and cost">
          <Tokens request={request} />
        </Card>
      </div>
      <Attempts rows={request.attempt_log} count={request.attempts} />
      <ToolRuns rows={request.tool_runs} />
      <Bodies request={request} />
    </>
  );
}

function What({ request }: { request: RequestDetail }) {
  const none = <span className="gw-dim">none</span>;
  const name = (text: string | null) => (text ? <Plain text={text} mono /> : none);
  return (
    <Facts
      rows={[
        ["Time", <When key="t" iso={request.at} />],
        [
          "Client",
          request.client_id ? (
            <Link key="c" href={`/clients/${request.client_id}`}>
              <Plain text={request.client_name ?? request.client_id} />
            </Link>
          ) : (
            "unknown key"
          ),
        ],
        ["Endpoint", <Plain key="e" text={request.endpoint} mono />],
        ["Dialect", request.dialect],
        ["Provider", request.provider ?? none],
        ["Model asked for", name(request.model_asked)],
        ["Model that served", name(request.model_served)],
        !!request.model_reported &&
          request.model_reported !== request.model_served && ["Model reported", name(request.model_reported)],
        ["Streaming", request.streaming ? "Yes" : "No"],
        ["Tools", request.tools_used ? "Called" : "Not called"],
        ["Key", request.key_tail ? <Plain key="k" text={`…${request.key_tail}`} mono /> : none],
        ["Caller's address", name(request.caller_address)],
      ]}
    />
  );
}

function Tokens({ request }: { request: RequestDetail }) {
  return (
    <>
      <Facts
        rows={[
          ["Input", <Num key="i" value={request.input_tokens} />],
          ["of it from cache", <Num key="c" value={request.cached_tokens} />],
          ["of it into cache", <Num key="w" value={request.cache_write_tokens} />],
          ["Output", <Num key="o" value={request.output_tokens} />],
          ["of it reasoning", <Num key="r" value={request.reasoning_tokens} />],
          ["Cost", <RequestCost key="u" row={request} />],
          ["Counted by", request.usage_estimated ? "An estimate: the provider reported nothing" : "The provider"],
        ]}
      />
      {request.usage_raw && (
        <details style={{ marginTop: 12 }}>
          <summary className="gw-dim">Usage as the provider reported it</summary>
          <Block text={pretty(request.usage_raw)} label="Usage as the provider reported it" />
        </details>
      )}
    </>
  );
}

function Bodies({ request }: { request: RequestDetail }) {
  const { bodies } = request;
  if (!bodies) {
    return (
      <Card title="Bodies">
        <p className="gw-dim" style={{ margin: 0 }}>
          Not kept. “Log bodies” in the client&apos;s settings keeps them for later requests, for a limited time.
        </p>
      </Card>
    );
  }
  return (
    <>
      <div className="gw-two">
        <Body title="The caller's request" text={bodies.caller_request} />
        <Body title="What was sent to the provider" text={bodies.upstream_request} />
      </div>
      <Body title="Answer" text={bodies.response} />
    </>
  );
}

function Body({ title, text }: { title: string; text: string | null }) {
  return (
    <Card title={title} aside={text ? <Copy text={text} /> : undefined}>
      {text ? <Block text={pretty(text)} label={title} /> : <span className="gw-dim">Nothing was kept</span>}
    </Card>
  );
}
