import { Button, Menu, Modal, Select, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { call, reason } from "@/api/http";
import { forget } from "@/api/queries";
import type { Client, TestResult } from "@/api/types";
import { Confirm } from "@/components/Confirm";
import { Icon } from "@/components/Icon";
import { Loading } from "@/components/States";
import { notify } from "@/components/Toasts";
import { count } from "@/lib/format";
import { inertLine } from "@/lib/text";
import { TestReport } from "@/pages/clients/ConnectionTest";
import { KeyDialog } from "@/pages/clients/KeyDialog";

type Open = "rotate" | "delete" | "disable" | "test" | null;

export function ClientActions({ client }: { client: Client }) {
  const [open, setOpen] = useState<Open>(null);
  const [, navigate] = useLocation();
  const close = () => setOpen(null);
  const path = { client_id: client.id };
  const done = (text: string) => {
    notify(text);
    return forget("client", "clients", "audit");
  };
  const enable = useMutation({
    mutationFn: () => call("POST", "/clients/{client_id}/enable", { path }),
    onSuccess: () => done("Enabled. Its requests are answered again."),
    onError: (error) => notify(reason(error), "bad"),
  });
  const fetchModels = useMutation({
    mutationFn: () => call("POST", "/clients/{client_id}/fetch-models", { path }),
    onSuccess: ({ models }) => done(`${count(models.length)} models fetched.`),
    onError: (error) => notify(reason(error), "bad"),
  });
  return (
    <>
      <Button component={Link} href={`/clients/${client.id}/edit`} leftSection={<Icon name="edit" size={15} />}>
        Edit
      </Button>
      <Button variant="default" onClick={() => setOpen("test")}>
        Test connection
      </Button>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button variant="default" rightSection={<Icon name="down" size={14} />}>
            More
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<Icon name="key" size={15} />} onClick={() => setOpen("rotate")}>
            Rotate key
          </Menu.Item>
          <Menu.Item
            leftSection={<Icon name="refresh" size={15} />}
            disabled={fetchModels.isPending}
            onClick={() => fetchModels.mutate()}
          >
            Fetch models
          </Menu.Item>
          <Menu.Item
            leftSection={<Icon name="playground" size={15} />}
            onClick={() => navigate(`/playground?client=${client.id}`)}
          >
            Open in the playground
          </Menu.Item>
          <Menu.Divider />
          {client.is_active ? (
            <Menu.Item leftSection={<Icon name="stop" size={15} />} onClick={() => setOpen("disable")}>
              Disable
            </Menu.Item>
          ) : (
            <Menu.Item
              leftSection={<Icon name="check" size={15} />}
              disabled={enable.isPending}
              onClick={() => enable.mutate()}
            >
              Enable
            </Menu.Item>
          )}
          <Menu.Item c="var(--gw-bad)" leftSection={<Icon name="trash" size={15} />} onClick={() => setOpen("delete")}>
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {open === "test" && <TestDialog client={client} onClose={close} />}
      {open === "rotate" && <RotateDialog client={client} onClose={close} />}
      {open === "disable" && (
        <Confirm
          title={`Disable ${inertLine(client.name)}?`}
          action="Disable"
          onClose={close}
          onConfirm={async () => {
            await call("POST", "/clients/{client_id}/disable", { path });
            await done("Disabled. Its requests get 403.");
          }}
        >
          New requests get 403 until you enable it again. Its keys and settings stay.
        </Confirm>
      )}
      {open === "delete" && (
        <Confirm
          title={`Delete ${inertLine(client.name)}?`}
          action="Delete"
          danger
          onClose={close}
          onConfirm={async () => {
            await call("DELETE", "/clients/{client_id}", { path });
            notify(`${inertLine(client.name)} is deleted.`);
            navigate("/clients");
            await forget("clients", "audit");
          }}
        >
          Its keys stop working at once, and its settings and credentials are gone. The request history and the usage
          stay. This cannot be undone.
        </Confirm>
      )}
    </>
  );
}

function TestDialog({ client, onClose }: { client: Client; onClose: () => void }) {
  const [result, setResult] = useState<TestResult>();
  const [error, setError] = useState<unknown>();
  const test = useMutation({
    mutationFn: () => call("POST", "/clients/{client_id}/test", { path: { client_id: client.id }, body: {} }),
    onSuccess: setResult,
    onError: setError,
  });
  return (
    <Modal opened onClose={onClose} title="Test connection" size="lg">
      <Stack gap="md">
        <Text size="sm" c="dimmed">
          Asks the provider for its models, and its default model for a short answer. That may cost a few tokens.
        </Text>
        {test.isPending ? <Loading rows={3} height={24} /> : <TestReport result={result} error={error} />}
        <Button
          data-autofocus
          style={{ alignSelf: "start" }}
          loading={test.isPending}
          onClick={() => {
            setError(undefined);
            test.mutate();
          }}
        >
          {result ?? error ? "Test again" : "Start the test"}
        </Button>
      </Stack>
    </Modal>
  );
}

const GRACES = [
  { value: "0", label: "No: the old key ends at once" },
  { value: "3600", label: "For 1 hour" },
  { value: "86400", label: "For 1 day" },
  { value: "604800", label: "For 1 week" },
  { value: "2592000", label: "For 30 days" },
];

function RotateDialog({ client, onClose }: { client: Client; onClose: () => void }) {
  const [grace, setGrace] = useState("3600");
  const [key, setKey] = useState("");
  if (key) {
    return (
      <KeyDialog
        clientId={client.id}
        name={client.name}
        apiKey={key}
        onClose={onClose}
        note={grace === "0" ? "The old key no longer works." : "The old key works for a while longer."}
      />
    );
  }
  const rotate = async () => {
    const body = { grace_seconds: Number(grace) };
    const answer = await call("POST", "/clients/{client_id}/rotate-key", { path: { client_id: client.id }, body });
    setKey(answer.api_key);
    await forget("client", "clients", "audit");
  };
  return (
    <RotateQuestion name={client.name} onClose={onClose} rotate={rotate}>
      <Select
        label="Does the old key stay valid?"
        data={GRACES}
        value={grace}
        onChange={(value) => setGrace(value ?? "0")}
        allowDeselect={false}
      />
    </RotateQuestion>
  );
}

function RotateQuestion({
  name,
  rotate,
  onClose,
  children,
}: {
  name: string;
  rotate: () => Promise<void>;
  onClose: () => void;
  children: React.ReactNode;
}) {
  return (
    <Confirm
      title={`Rotate the key of ${inertLine(name)}?`}
      action="Make a new key"
      onConfirm={rotate}
      onClose={() => undefined}
      onCancel={onClose}
    >
      <Stack gap="sm">
        <span>A new key is made and shown once.</span>
        {children}
      </Stack>
    </Confirm>
  );
}
