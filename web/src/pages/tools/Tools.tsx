import { Alert } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { queries } from "@/api/queries";
import type { Tools as Answer } from "@/api/types";
import { Icon } from "@/components/Icon";
import { Page } from "@/components/Page";
import { Load } from "@/components/States";
import { plural } from "@/lib/format";
import { Calls } from "@/pages/tools/Calls";
import { Servers } from "@/pages/tools/Servers";
import { ToolList } from "@/pages/tools/ToolList";

export default function Tools() {
  const tools = useQuery(queries.tools());
  return (
    <Page
      title="Tools"
      lead="What the gateway runs by itself: the model calls, the gateway answers it, the caller sees the answer alone."
    >
      <Load query={tools} rows={6}>
        {(answer) => (
          <>
            <Users count={answer.gateway_clients} />
            <Servers servers={answer.servers} timeout={answer.timeout_seconds} />
            <ToolList answer={answer} />
          </>
        )}
      </Load>
      <Calls />
    </Page>
  );
}

/** Who gets these tools at all. */
function Users({ count }: { count: Answer["gateway_clients"] }) {
  if (count > 0) {
    return (
      <p className="gw-dim" style={{ margin: 0 }}>
        {plural(count, "client")} with the tool mode “gateway” {count === 1 ? "gets" : "get"} them, all or those that its
        settings pick. The others&apos; tool calls pass through.
      </p>
    );
  }
  return (
    <Alert color="indigo" variant="light" icon={<Icon name="tools" />} title="No client uses them yet">
      Set the tool mode of a <Link href="/clients">client</Link> to “gateway”, under “System prompt and tools”. Until then
      tool calls pass through to the callers.
    </Alert>
  );
}
