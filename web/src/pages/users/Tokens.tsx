import { Alert, Badge, Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { SubmitEvent } from "react";
import { useState } from "react";

import { call } from "@/api/http";
import { forget, queries } from "@/api/queries";
import type { ApiToken, NewApiToken, Role } from "@/api/types";
import { Confirm } from "@/components/Confirm";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { FormAlert } from "@/components/FormAlert";
import { Icon } from "@/components/Icon";
import { Card } from "@/components/Page";
import { Empty, Load } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { notify } from "@/components/Toasts";
import { inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { ExpiryInput } from "@/pages/clients/ExpiryInput";
import { KeyLine } from "@/pages/clients/KeyDialog";
import { RoleSelect } from "@/pages/users/RoleSelect";
import { useIsAdmin } from "@/session/hooks";

/** Keys of scripts for the admin API. */
export function Tokens() {
  const admin = useIsAdmin();
  const tokens = useQuery(queries.tokens());
  const [making, setMaking] = useState(false);
  const [deleting, setDeleting] = useState<ApiToken | null>(null);
  const columns: Column<ApiToken>[] = [
    {
      key: "name",
      title: "Token",
      lead: true,
      cell: (row) => (
        <>
          <strong>
            <Plain text={row.name} />
          </strong>{" "}
          <span className="gw-mono gw-dim">…{row.tail}</span>
        </>
      ),
    },
    { key: "role", title: "Role", cell: (row) => <Badge color={row.role === "admin" ? "indigo" : "gray"}>{row.role}</Badge> },
    { key: "user", title: "Made by", cell: (row) => <Plain text={row.user.username} /> },
    { key: "used", title: "Last used", cell: (row) => <When iso={row.last_used_at} relative /> },
    { key: "ends", title: "Expires", cell: (row) => <When iso={row.expires_at} /> },
  ];
  if (admin) {
    columns.push({
      key: "delete",
      title: "Delete",
      right: true,
      cell: (row) => (
        <Button size="compact-sm" variant="default" aria-label={`Delete the token ${row.name}`} onClick={() => setDeleting(row)}>
          Delete
        </Button>
      ),
    });
  }
  return (
    <Card
      title="API tokens"
      aside={
        admin ? (
          <Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => setMaking(true)}>
            New token
          </Button>
        ) : undefined
      }
    >
      <Load query={tokens} rows={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No API tokens" icon="key">
              Scripts use them for <a href="/admin/api/docs">the admin API</a>. The gateway&apos;s clients have keys of their own.
            </Empty>
          ) : (
            <DataTable label="API tokens" columns={columns} rows={items} rowKey={(row) => row.id} />
          )
        }
      </Load>
      {making && <NewToken close={() => setMaking(false)} />}
      {deleting && (
        <Confirm
          title={`Delete the token ${inertLine(deleting.name)}?`}
          action="Delete"
          danger
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await call("DELETE", "/tokens/{token_id}", { path: { token_id: deleting.id } });
            notify("The token is deleted.");
            await forget("tokens", "audit");
          }}
        >
          Scripts that use it get 401 at once.
        </Confirm>
      )}
    </Card>
  );
}

function NewToken({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [expiresAt, setExpiresAt] = useState<string | null>(null);
  const [made, setMade] = useState<NewApiToken | null>(null);
  const { save, busy, errors, message } = useSave();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void save(async () => {
      setMade(await call("POST", "/tokens", { body: { name, role, expires_at: expiresAt } }));
      await forget("tokens", "audit");
    });
  };
  if (made) {
    return (
      <Modal opened onClose={close} title={`The token ${inertLine(made.name)}`} withCloseButton={false} closeOnClickOutside={false} closeOnEscape={false} size="lg">
        <Stack gap="md">
          <Alert color="yellow" variant="light" icon={<Icon name="key" />}>
            Copy it now. It cannot be shown again.
          </Alert>
          <KeyLine apiKey={made.token} />
          <Group justify="flex-end">
            <Button onClick={close}>Done, I have stored it</Button>
          </Group>
        </Stack>
      </Modal>
    );
  }
  return (
    <Modal opened onClose={close} title="New API token">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {Object.keys(errors).length === 0 && <FormAlert message={message} />}
          <TextInput
            label="Name"
            description="What will use it"
            withAsterisk
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={errors["name"]}
            data-autofocus
          />
          <RoleSelect value={role} onChange={setRole} error={errors["role"]} />
          <ExpiryInput value={expiresAt} onChange={setExpiresAt} error={errors["expires_at"]} />
          <Group justify="flex-end" mt="xs">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Create token
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
