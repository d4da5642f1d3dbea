import { useQuery } from "@tanstack/react-query";
import { Alert } from "@mantine/core";

import { queries } from "@/api/queries";
import type { Tools as Answer } from "@/api/types";
import { Icon } from "@/components/Icon";
import { Card, Page } from "@/components/Page";
import { Empty, Load } from "@/components/States";
import { Plain } from "@/components/Text";

export default function Tools() {
  const tools = useQuery(queries.tools());
  return (
    <Page title="Tools" lead="Tools that the gateway runs itself, and MCP servers.">
      <Load query={tools} rows={3}>
        {(answer) => <Content answer={answer} />}
      </Load>
    </Page>
  );
}

function Names({ names, nothing }: { names: readonly string[]; nothing: string }) {
  if (names.length === 0) return <Empty title={nothing} icon="tools" />;
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>
          <Plain text={name} />
        </li>
      ))}
    </ul>
  );
}

function Content({ answer: { available, reason, builtin, mcp_servers } }: { answer: Answer }) {
  if (!available) {
    return (
      <>
        <Alert color="indigo" variant="light" icon={<Icon name="tools" />} title="Not in this version">
          <Plain text={reason} />
        </Alert>
        <Card title="What works today">
          <p style={{ margin: 0, fontSize: "0.9rem" }}>
            Tool calls pass through in every dialect: the model asks, the caller runs its own tools and answers. The
            gateway translates calls, parallel calls and streamed arguments between providers. It runs none itself yet,
            and so there is nothing to switch on here.
          </p>
        </Card>
      </>
    );
  }
  return (
    <div className="gw-two">
      <Card title="Built in">
        <Names names={builtin} nothing="None" />
      </Card>
      <Card title="MCP servers">
        <Names names={mcp_servers} nothing="None configured" />
      </Card>
    </div>
  );
}
