import { Badge, Button, Group, Menu, Switch } from "@mantine/core";
import { useState } from "react";

import { call } from "@/api/http";
import { forget } from "@/api/queries";
import type { ToolServer } from "@/api/types";
import { Confirm } from "@/components/Confirm";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Icon } from "@/components/Icon";
import { Card } from "@/components/Page";
import { Empty } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { notify } from "@/components/Toasts";
import { plural, span } from "@/lib/format";
import { inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { ServerForm } from "@/pages/tools/ServerForm";
import { useIsAdmin } from "@/session/hooks";

type Open = { kind: "new" } | { kind: "edit" | "remove"; server: ToolServer } | null;

const STATES: Record<ToolServer["state"], { word: string; color: string }> = {
  ready: { word: "Ready", color: "teal" },
  connecting: { word: "Connecting", color: "indigo" },
  failed: { word: "Away", color: "red" },
  off: { word: "Off", color: "gray" },
};

/** MCP servers: how each is, and what may be changed of it here. */
export function Servers({ servers, timeout }: { servers: readonly ToolServer[]; timeout: number }) {
  const admin = useIsAdmin();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const add = (
    <Button size="xs" leftSection={<Icon name="plus" size={14} />} onClick={() => setOpen({ kind: "new" })}>
      Add a server
    </Button>
  );
  return (
    <Card title="MCP servers" aside={admin && servers.length > 0 ? add : undefined}>
      {servers.length === 0 ? (
        <Empty title="No MCP servers" icon="tools" action={admin ? add : undefined}>
          They bring further tools. One that speaks streamable HTTP can be added here; one that is a program on the
          gateway&apos;s machine only in its config file (<code>tools.mcp_servers</code>) or by its command line.
        </Empty>
      ) : (
        <DataTable label="MCP servers" columns={columns(admin, setOpen)} rows={servers} rowKey={(row) => row.name} />
      )}
      {open?.kind === "new" && <ServerForm close={close} timeout={timeout} />}
      {open?.kind === "edit" && <ServerForm server={open.server} close={close} timeout={timeout} />}
      {open?.kind === "remove" && <Remove server={open.server} close={close} />}
    </Card>
  );
}

function columns(admin: boolean, open: (what: Open) => void): Column<ToolServer>[] {
  const found: Column<ToolServer>[] = [
    { key: "name", title: "Server", lead: true, cell: (row) => <Name server={row} /> },
    { key: "state", title: "State", lead: true, cell: (row) => <State server={row} /> },
    { key: "tools", title: "Tools", right: true, cell: (row) => <span className="gw-num">{row.tool_count}</span> },
    { key: "since", title: "Since", cell: (row) => <When iso={row.since} relative /> },
    { key: "on", title: "On", right: true, cell: (row) => <OnOff server={row} admin={admin} /> },
  ];
  if (admin) found.push({ key: "change", title: "Change", right: true, cell: (row) => <Actions server={row} open={open} /> });
  return found;
}

function Name({ server }: { server: ToolServer }) {
  return (
    <>
      <strong>
        <Plain text={server.name} />
      </strong>{" "}
      <span className="gw-dim">{server.origin === "config" && "config file"}</span>
      <div className="gw-dim">
        <Plain text={server.url ?? server.command ?? ""} mono cut />
      </div>
      {server.error && (
        <div style={{ color: "var(--gw-bad)", fontSize: "0.85rem" }}>
          <Plain text={server.error} />
        </div>
      )}
      {server.next_try_at && <div className="gw-dim">Next try {soon(server.next_try_at)}</div>}
      {server.warnings.map((warning) => (
        <div key={warning} className="gw-dim">
          <Plain text={warning} />
        </div>
      ))}
    </>
  );
}

function soon(iso: string): string {
  const seconds = (new Date(iso).getTime() - Date.now()) / 1000;
  return seconds < 2 ? "now" : `in ${span(seconds)}`;
}

function State({ server }: { server: ToolServer }) {
  const { word, color } = STATES[server.state];
  return (
    <Badge color={color} title={server.about ? inertLine(server.about) : undefined}>
      {word}
    </Badge>
  );
}

function OnOff({ server, admin }: { server: ToolServer; admin: boolean }) {
  const { save, busy } = useSave(failed);
  if (!admin) return <>{server.on ? "On" : "Off"}</>;
  return (
    <Switch
      aria-label={`${inertLine(server.name)} is on`}
      checked={server.on}
      disabled={busy || server.fixed}
      title={server.fixed ? "The configuration switches it off" : undefined}
      onChange={(event) => {
        const on = event.currentTarget.checked;
        void save(async () => {
          await call("PATCH", "/tools/servers/{name}", { path: { name: server.name }, body: { on } });
          await forget("tools", "audit");
        });
      }}
      styles={{ root: { display: "inline-block" } }}
    />
  );
}

function failed(error: unknown): boolean {
  notify(error instanceof Error ? error.message : "That failed.", "bad");
  return true;
}

function Actions({ server, open }: { server: ToolServer; open: (what: Open) => void }) {
  const { save } = useSave(failed);
  const again = async () => {
    await call("POST", "/tools/servers/{name}/reconnect", { path: { name: server.name } });
    notify("Trying again.");
    await forget("tools");
  };
  const away = server.state === "failed" && server.on;
  return (
    <Group gap={6} justify="flex-end">
      {away && (
        <Button size="compact-sm" variant="default" aria-label={`Try again: ${inertLine(server.name)}`} onClick={() => void save(again)}>
          Try again
        </Button>
      )}
      {server.editable ? (
        <ChangeMenu server={server} open={open} />
      ) : (
        !away && <span className="gw-dim">{server.origin === "config" ? "In the config file" : "By the command line"}</span>
      )}
    </Group>
  );
}

function ChangeMenu({ server, open }: { server: ToolServer; open: (what: Open) => void }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="compact-sm" variant="default" aria-label={`Change ${inertLine(server.name)}`}>
          Change
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {server.url !== null && <Menu.Item onClick={() => open({ kind: "edit", server })}>Edit</Menu.Item>}
        <Menu.Item color="red" onClick={() => open({ kind: "remove", server })}>
          Remove
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Remove({ server, close }: { server: ToolServer; close: () => void }) {
  return (
    <Confirm
      title={`Remove ${inertLine(server.name)}?`}
      action="Remove"
      danger
      onClose={close}
      onConfirm={async () => {
        await call("DELETE", "/tools/servers/{name}", { path: { name: server.name } });
        notify("The server is removed.");
        await forget("tools", "audit");
      }}
    >
      {server.tool_count > 0 ? `Its ${plural(server.tool_count, "tool")} are gone at once` : "Its tools are gone at once"},
      for every client; its stored headers are deleted.
    </Confirm>
  );
}
