import { ActionIcon, Button, Group, Input, Modal, NumberInput, PasswordInput, Stack, TagsInput, TextInput } from "@mantine/core";
import type { SubmitEvent } from "react";
import { useState } from "react";

import { call } from "@/api/http";
import { forget } from "@/api/queries";
import type { ToolServer } from "@/api/types";
import { FormAlert } from "@/components/FormAlert";
import { Icon } from "@/components/Icon";
import { notify } from "@/components/Toasts";
import { inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { errorOf } from "@/pages/clients/draft";
import type { HeaderDraft } from "@/pages/tools/serverDraft";
import { changeOf, draftOf, newHeader, wholeOf } from "@/pages/tools/serverDraft";

/** A new MCP server that speaks streamable HTTP, or a change of one. */
export function ServerForm({ server, close, timeout }: { server?: ToolServer; close: () => void; timeout: number }) {
  const [draft, setDraft] = useState(() => draftOf(server));
  const { save, busy, errors, message } = useSave();
  const set = (change: Partial<typeof draft>) => setDraft((known) => ({ ...known, ...change }));
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void save(async () => {
      if (server) {
        await call("PATCH", "/tools/servers/{name}", { path: { name: server.name }, body: changeOf(draft, server) });
      } else {
        await call("POST", "/tools/servers", { body: wholeOf(draft) });
      }
      notify(server ? "Saved. The gateway connects anew." : "Added. The gateway connects to it.");
      await forget("tools", "audit");
      close();
    });
  };
  return (
    <Modal opened onClose={close} title={server ? `Edit ${inertLine(server.name)}` : "Add an MCP server"} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          {!server && (
            <TextInput
              label="Name"
              description="Its tools are called NAME__TOOL. Letters and digits, with single '-' or '_' between them."
              value={draft.name}
              onChange={(event) => set({ name: event.currentTarget.value })}
              error={errors["name"]}
              withAsterisk
              maxLength={32}
              data-autofocus
            />
          )}
          <TextInput
            label="Address"
            description="Where it speaks streamable HTTP"
            placeholder="https://host/mcp"
            value={draft.url}
            onChange={(event) => set({ url: event.currentTarget.value })}
            error={errors["url"]}
            withAsterisk
            maxLength={2000}
          />
          <Headers value={draft.headers} onChange={(headers) => set({ headers })} error={errorOf(errors, "headers")} />
          <NumberInput
            label="Timeout of a call"
            description={`Empty: ${timeout} seconds, as for every tool`}
            rightSection={<span className="gw-dim">seconds</span>}
            rightSectionWidth={74}
            rightSectionPointerEvents="none"
            value={draft.timeout_seconds ?? ""}
            min={1}
            max={3600}
            allowDecimal={false}
            onChange={(value) => set({ timeout_seconds: value === "" ? null : Number(value) })}
            error={errors["timeout_seconds"]}
            maw={280}
          />
          <TagsInput
            label="Tools that are used"
            description="As the server names them, exact or with *, each followed by Enter. Empty: all."
            value={draft.tools}
            onChange={(tools) => set({ tools })}
            error={errorOf(errors, "tools")}
            placeholder={draft.tools.length === 0 ? "All" : ""}
            acceptValueOnBlur
          />
          <FormAlert message={Object.keys(errors).length > 0 ? "" : message} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              {server ? "Save" : "Add server"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Headers({
  value,
  onChange,
  error,
}: {
  value: HeaderDraft[];
  onChange: (value: HeaderDraft[]) => void;
  error: string | undefined;
}) {
  const set = (id: number, change: Partial<HeaderDraft>) =>
    onChange(value.map((header) => (header.id === id ? { ...header, ...change } : header)));
  return (
    <Input.Wrapper
      label="Headers"
      labelElement="div"
      description="Such as Authorization. Values are stored encrypted, and never shown again."
      error={error}
    >
      <Stack gap={6} mt={6}>
        {value.map((header) => (
          <Group key={header.id} gap={6} wrap="nowrap" align="center">
            <TextInput
              style={{ flex: 1, minWidth: 0 }}
              aria-label="Name of the header"
              placeholder="Authorization"
              value={header.name}
              disabled={header.value === undefined}
              onChange={(event) => set(header.id, { name: event.currentTarget.value })}
              maxLength={200}
            />
            <PasswordInput
              style={{ flex: 1.4, minWidth: 0 }}
              aria-label={`Value of the header ${header.name}`}
              placeholder={header.value === undefined ? "Stored. Type to replace it" : "Bearer …"}
              autoComplete="off"
              name="header-value"
              value={header.value ?? ""}
              onChange={(event) => set(header.id, { value: event.currentTarget.value })}
              visibilityToggleButtonProps={{ "aria-label": "Show what is typed" }}
            />
            <ActionIcon
              variant="default"
              size="md"
              aria-label={`Remove the header ${header.name}`}
              onClick={() => onChange(value.filter((other) => other.id !== header.id))}
            >
              <Icon name="cross" size={14} />
            </ActionIcon>
          </Group>
        ))}
        <Button
          variant="default"
          size="xs"
          style={{ alignSelf: "start" }}
          leftSection={<Icon name="plus" size={14} />}
          onClick={() => onChange([...value, newHeader()])}
        >
          Add a header
        </Button>
      </Stack>
    </Input.Wrapper>
  );
}
