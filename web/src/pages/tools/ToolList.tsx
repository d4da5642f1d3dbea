import { Badge, Button, Group, Switch, TextInput } from "@mantine/core";
import { useState } from "react";

import { call } from "@/api/http";
import { forget } from "@/api/queries";
import type { Tool, ToolServer, Tools } from "@/api/types";
import { Icon } from "@/components/Icon";
import { Card } from "@/components/Page";
import { Empty } from "@/components/States";
import { Block, Plain } from "@/components/Text";
import { notify } from "@/components/Toasts";
import { fieldsOf } from "@/lib/schemaForm";
import { inertBlock, inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { TryIt } from "@/pages/tools/TryIt";
import { useIsAdmin } from "@/session/hooks";

const SEARCH_FROM = 9;

/** Every tool, by where it comes from, with its switch. */
export function ToolList({ answer: { tools, servers } }: { answer: Tools }) {
  const [search, setSearch] = useState("");
  const [trying, setTrying] = useState<Tool | null>(null);
  const wanted = search.trim().toLowerCase();
  const found = tools.filter(
    (tool) => tool.name.toLowerCase().includes(wanted) || tool.description.toLowerCase().includes(wanted),
  );
  const sources = [...new Set(found.map((tool) => tool.server))];
  return (
    <Card
      title={tools.length === 1 ? "1 tool" : `${tools.length} tools`}
      aside={
        tools.length >= SEARCH_FROM ? (
          <TextInput
            aria-label="Search the tools"
            placeholder="Search"
            size="xs"
            leftSection={<Icon name="search" size={14} />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        ) : undefined
      }
    >
      {found.length === 0 && <Empty title={tools.length > 0 ? "No tool has this in it" : "No tools"} icon="tools" />}
      {sources.map((source) => (
        <section key={source ?? ""} aria-label={source === null ? "Built in" : inertLine(source)} style={{ marginBottom: 14 }}>
          <h3 className="gw-tools-source">{source === null ? "Built in" : <Plain text={source} />}</h3>
          <ul className="gw-tools">
            {found
              .filter((tool) => tool.server === source)
              .map((tool) => (
                <Row
                  key={tool.name}
                  tool={tool}
                  server={servers.find((server) => server.name === source)}
                  onTry={() => setTrying(tool)}
                />
              ))}
          </ul>
        </section>
      ))}
      {trying && <TryIt tool={trying} close={() => setTrying(null)} />}
    </Card>
  );
}

function Row({ tool, server, onTry }: { tool: Tool; server: ToolServer | undefined; onTry: () => void }) {
  const admin = useIsAdmin();
  const why = whyNot(tool, server);
  return (
    <li>
      <details>
        <summary>
          <span className="gw-tools-head">
            <span className="gw-tools-name">
              <Plain text={tool.name} mono />
              {why && <Badge color="gray">{why}</Badge>}
            </span>
            <span className="gw-dim gw-cut">
              <Plain text={firstLine(tool.description)} />
            </span>
          </span>
        </summary>
        <Details tool={tool} />
      </details>
      {admin && (
        <Group gap="xs" wrap="nowrap">
          <Button
            size="compact-sm"
            variant="default"
            disabled={!tool.available}
            aria-label={`Try ${inertLine(tool.name)}`}
            onClick={onTry}
          >
            Try
          </Button>
          <OnOff tool={tool} />
        </Group>
      )}
    </li>
  );
}

/** Why a tool is not offered; empty where it is. */
function whyNot(tool: Tool, server: ToolServer | undefined): string {
  if (tool.available) return "";
  if (tool.fixed) return "Off in the configuration";
  if (!tool.on) return "Off";
  return server && !server.on ? "Server off" : "Server away";
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}

function OnOff({ tool }: { tool: Tool }) {
  const { save, busy } = useSave((error) => {
    notify(error instanceof Error ? error.message : "That failed.", "bad");
    return true;
  });
  return (
    <Switch
      aria-label={`${inertLine(tool.name)} is on`}
      checked={tool.on}
      disabled={busy || tool.fixed}
      title={tool.fixed ? "tools.disabled in the configuration switches it off" : undefined}
      onChange={(event) => {
        const on = event.currentTarget.checked;
        void save(async () => {
          await call("PATCH", "/tools/{name}", { path: { name: tool.name }, body: { on } });
          await forget("tools", "audit");
        });
      }}
    />
  );
}

function Details({ tool }: { tool: Tool }) {
  const fields = fieldsOf(tool.parameters);
  return (
    <div className="gw-tools-details">
      <div className="gw-plain" style={{ whiteSpace: "pre-line" }}>
        {tool.description ? inertBlock(tool.description.trim()) : <span className="gw-dim">It says nothing of itself.</span>}
      </div>
      {fields?.length === 0 && <span className="gw-dim">It takes no arguments.</span>}
      {fields && fields.length > 0 && (
        <ul aria-label="Arguments">
          {fields.map((field) => (
            <li key={field.name}>
              <Plain text={field.name} mono /> <span className="gw-dim">{field.kind === "choice" ? field.options.join(" | ") : field.kind}</span>
              {field.required && <span className="gw-dim">, required</span>}
              {field.description && (
                <div className="gw-dim">
                  <Plain text={field.description} />
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary className="gw-dim">JSON Schema</summary>
        <Block text={JSON.stringify(tool.parameters, null, 2)} label={`JSON Schema of ${inertLine(tool.name)}`} />
      </details>
    </div>
  );
}
