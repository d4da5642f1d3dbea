import { Badge, Button, Group, Menu, Modal, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { SubmitEvent } from "react";
import { useState } from "react";

import { call } from "@/api/http";
import { forget, queries } from "@/api/queries";
import type { Role, User } from "@/api/types";
import { Confirm } from "@/components/Confirm";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { FormAlert } from "@/components/FormAlert";
import { Icon } from "@/components/Icon";
import { Page } from "@/components/Page";
import { Load } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { notify } from "@/components/Toasts";
import { inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { RoleSelect } from "@/pages/users/RoleSelect";
import { Sessions } from "@/pages/users/Sessions";
import { Tokens } from "@/pages/users/Tokens";
import { useSession } from "@/session/hooks";

type Open = { kind: "new" } | { kind: "role" | "password" | "disable" | "delete"; user: User } | null;

export default function Users() {
  const { user: me } = useSession();
  const admin = me.role === "admin";
  const users = useQuery(queries.users());
  const [open, setOpen] = useState<Open>(null);
  const columns: Column<User>[] = [
    {
      key: "name",
      title: "User",
      lead: true,
      cell: (row) => (
        <>
          <strong>
            <Plain text={row.username} />
          </strong>
          {row.id === me.id && <span className="gw-dim"> (you)</span>}
        </>
      ),
    },
    { key: "role", title: "Role", cell: (row) => <Badge color={row.role === "admin" ? "indigo" : "gray"}>{row.role}</Badge> },
    {
      key: "state",
      title: "State",
      cell: (row) => <Badge color={row.is_active ? "teal" : "gray"}>{row.is_active ? "Active" : "Disabled"}</Badge>,
    },
    { key: "seen", title: "Last sign-in", cell: (row) => <When iso={row.last_sign_in_at} relative /> },
    { key: "since", title: "Since", cell: (row) => <When iso={row.created_at} /> },
  ];
  if (admin) columns.push({ key: "actions", title: "Change", right: true, cell: (row) => <UserMenu user={row} open={setOpen} /> });
  return (
    <Page
      title="Users"
      lead="Admins may do everything. Viewers see everything, and change nothing but their own password."
      actions={
        admin ? (
          <Button leftSection={<Icon name="plus" size={15} />} onClick={() => setOpen({ kind: "new" })}>
            New user
          </Button>
        ) : undefined
      }
    >
      <div className="gw-card">
        <Load query={users} rows={3}>
          {({ items }) => <DataTable label="Users" columns={columns} rows={items} rowKey={(row) => row.id} />}
        </Load>
      </div>
      <Tokens />
      {admin && <Sessions everybody />}
      <Dialogs open={open} close={() => setOpen(null)} />
    </Page>
  );
}

function UserMenu({ user, open }: { user: User; open: (what: Open) => void }) {
  const enable = async () => {
    await change(user, { is_active: true }, "Enabled.");
  };
  const { save } = useSave((error) => {
    notify(error instanceof Error ? error.message : "That failed.", "bad");
    return true;
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="compact-sm" variant="default" aria-label={`Change ${user.username}`} rightSection={<Icon name="down" size={13} />}>
          Change
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => open({ kind: "role", user })}>Role</Menu.Item>
        <Menu.Item onClick={() => open({ kind: "password", user })}>Set a new password</Menu.Item>
        {user.is_active ? (
          <Menu.Item onClick={() => open({ kind: "disable", user })}>Disable</Menu.Item>
        ) : (
          <Menu.Item onClick={() => void save(enable)}>Enable</Menu.Item>
        )}
        <Menu.Divider />
        <Menu.Item c="var(--gw-bad)" onClick={() => open({ kind: "delete", user })}>
          Delete
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

async function change(user: User, body: Partial<{ role: Role; password: string; is_active: boolean }>, told: string) {
  await call("PATCH", "/users/{user_id}", { path: { user_id: user.id }, body });
  notify(told);
  await forget("users", "sessions", "audit");
}

function Dialogs({ open, close }: { open: Open; close: () => void }) {
  if (!open) return null;
  if (open.kind === "new") return <NewUser close={close} />;
  const { user } = open;
  const name = inertLine(user.username);
  if (open.kind === "role") return <ChangeRole user={user} close={close} />;
  if (open.kind === "password") return <SetPassword user={user} close={close} />;
  if (open.kind === "disable") {
    return (
      <Confirm
        title={`Disable ${name}?`}
        action="Disable"
        onClose={close}
        onConfirm={() => change(user, { is_active: false }, `${name} is disabled.`)}
      >
        Its sessions end at once, and it cannot sign in until it is enabled again.
      </Confirm>
    );
  }
  return (
    <Confirm
      title={`Delete ${name}?`}
      action="Delete"
      danger
      onClose={close}
      onConfirm={async () => {
        await call("DELETE", "/users/{user_id}", { path: { user_id: user.id } });
        notify(`${name} is deleted.`);
        await forget("users", "sessions", "tokens", "audit");
      }}
    >
      Its sessions end at once. What it did stays in the audit log.
    </Confirm>
  );
}

function Dialog({
  title,
  close,
  action,
  work,
  children,
}: {
  title: string;
  close: () => void;
  action: string;
  work: () => Promise<void>;
  children: (errors: Record<string, string>) => React.ReactNode;
}) {
  const { save, busy, errors, message } = useSave();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (await save(work)) close();
  };
  return (
    <Modal opened onClose={close} title={title}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack gap="sm">
          {Object.keys(errors).length === 0 && <FormAlert message={message} />}
          {children(errors)}
          <Group justify="flex-end" mt="xs">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function NewUser({ close }: { close: () => void }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const work = async () => {
    await call("POST", "/users", { body: { username, password, role } });
    notify(`${inertLine(username)} can sign in now.`);
    await forget("users", "audit");
  };
  return (
    <Dialog title="New user" close={close} action="Create user" work={work}>
      {(errors) => (
        <>
          <TextInput
            label="Username"
            withAsterisk
            autoComplete="off"
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
            error={errors["username"]}
            data-autofocus
          />
          <NewPassword value={password} onChange={setPassword} error={errors["password"]} />
          <RoleSelect value={role} onChange={setRole} error={errors["role"]} />
        </>
      )}
    </Dialog>
  );
}

function NewPassword({ value, onChange, error }: { value: string; onChange: (value: string) => void; error?: string | undefined }) {
  return (
    <PasswordInput
      label="Password"
      description="At least 10 characters. It is to be changed at the first sign-in."
      withAsterisk
      autoComplete="new-password"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      error={error}
      visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
    />
  );
}

function ChangeRole({ user, close }: { user: User; close: () => void }) {
  const [role, setRole] = useState<Role>(user.role);
  return (
    <Dialog
      title={`Role of ${inertLine(user.username)}`}
      close={close}
      action="Save"
      work={() => change(user, { role }, "The role is changed.")}
    >
      {(errors) => <RoleSelect value={role} onChange={setRole} error={errors["role"]} />}
    </Dialog>
  );
}

function SetPassword({ user, close }: { user: User; close: () => void }) {
  const [password, setPassword] = useState("");
  return (
    <Dialog
      title={`New password of ${inertLine(user.username)}`}
      close={close}
      action="Set the password"
      work={() => change(user, { password }, "The password is set. Its sessions have ended.")}
    >
      {(errors) => <NewPassword value={password} onChange={setPassword} error={errors["password"]} />}
    </Dialog>
  );
}
