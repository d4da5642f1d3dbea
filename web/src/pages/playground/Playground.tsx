import { Alert, Button, Group, NumberInput, Switch, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { KeyboardEvent } from "react";
import { useState } from "react";

import { queries } from "@/api/queries";
import { AdminOnly } from "@/components/AdminOnly";
import { Icon } from "@/components/Icon";
import { Card, Page } from "@/components/Page";
import { Empty } from "@/components/States";
import { useFilters } from "@/lib/useFilters";
import { ModelInput } from "@/pages/clients/ModelsInput";
import type { Message } from "@/pages/playground/chat";
import { Turns } from "@/pages/playground/Turns";
import { useChat } from "@/pages/playground/useChat";
import { ClientSelect } from "@/pages/requests/ClientSelect";

export default function Playground() {
  return (
    <AdminOnly>
      <Page title="Playground" lead="Runs as the client: its limits, prompt and accounting apply. No key is needed.">
        <Chat />
      </Page>
    </AdminOnly>
  );
}

function Chat() {
  const { values, set } = useFilters(["client"]);
  const first = useQuery({ ...queries.clients({ limit: 1, active: true }), refetchInterval: false });
  const clientId = values.client || first.data?.items[0]?.id || "";
  const client = useQuery({ ...queries.client(clientId), enabled: clientId !== "" });
  const [model, setModel] = useState("");
  const [stream, setStream] = useState(true);
  const [system, setSystem] = useState("");
  const [temperature, setTemperature] = useState<number | "">("");
  const [maxTokens, setMaxTokens] = useState<number | "">("");
  const [text, setText] = useState("");
  const chat = useChat();
  const found = client.data?.client;
  const ready = clientId !== "" && text.trim() !== "" && !chat.busy;

  const send = () => {
    if (!ready) return;
    const before: Message[] = system.trim() ? [{ role: "system", content: system }] : [];
    chat.send(text, before, {
      client_id: clientId,
      model: model.trim(),
      stream,
      ...(temperature === "" ? {} : { temperature }),
      ...(maxTokens === "" ? {} : { max_tokens: maxTokens }),
    });
    setText("");
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const number = (to: string | number): number | "" => (to === "" ? "" : Number(to));
  return (
    <div className="gw-stack">
      <Card title="With">
        <div className="gw-bar">
          <ClientSelect value={clientId} onChange={(id) => set({ client: id })} required />
          <ModelInput
            label="Model"
            placeholder={found?.default_model || "the client's default"}
            value={model}
            onChange={setModel}
            models={found?.models ?? []}
          />
          <NumberInput
            label="Temperature"
            placeholder="provider's default"
            min={0}
            max={2}
            step={0.1}
            value={temperature}
            onChange={(to) => setTemperature(number(to))}
          />
          <NumberInput
            label="Output limit"
            placeholder="none"
            min={1}
            allowDecimal={false}
            rightSection={<span className="gw-dim">tokens</span>}
            rightSectionWidth={64}
            value={maxTokens}
            onChange={(to) => setMaxTokens(number(to))}
          />
        </div>
        <Textarea
          mt="sm"
          label="System message"
          placeholder="None"
          autosize
          minRows={1}
          maxRows={6}
          value={system}
          onChange={(event) => setSystem(event.currentTarget.value)}
        />
        <Switch mt="sm" label="Stream the answer" checked={stream} onChange={(event) => setStream(event.currentTarget.checked)} />
      </Card>
      {found && !found.is_active && (
        <Alert color="yellow" variant="light" icon={<Icon name="warning" />}>
          This client is disabled: it gets 403 here too.
        </Alert>
      )}
      {chat.turns.length === 0 ? (
        <div className="gw-card">
          <Empty title="Say something" icon="playground">
            The answer shows what it took: tokens, cost, time.
          </Empty>
        </div>
      ) : (
        <Turns turns={chat.turns} />
      )}
      <div className="gw-savebar" style={{ alignItems: "end" }}>
        <Textarea
          style={{ flex: "1 1 220px" }}
          aria-label="Message"
          placeholder="Message. Enter sends, Shift+Enter makes a new line"
          autosize
          minRows={2}
          maxRows={8}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKey}
        />
        <Group gap="xs">
          {chat.busy ? (
            <Button color="red" onClick={chat.stop} leftSection={<Icon name="stop" size={15} />}>
              Stop
            </Button>
          ) : (
            <Button onClick={send} disabled={!ready} leftSection={<Icon name="send" size={15} />}>
              Send
            </Button>
          )}
          <Button variant="default" onClick={chat.clear} disabled={chat.busy || chat.turns.length === 0}>
            Clear
          </Button>
        </Group>
      </div>
    </div>
  );
}
