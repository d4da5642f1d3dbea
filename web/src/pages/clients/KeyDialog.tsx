import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { Copy } from "@/components/Copy";
import { Icon } from "@/components/Icon";
import { inertLine } from "@/lib/text";
import { Snippets } from "@/pages/clients/Snippets";

/** A key, this once. It closes by its button alone: a click beside it would lose the key. */
export function KeyDialog({
  clientId,
  name,
  apiKey,
  onClose,
  note,
}: {
  clientId: string;
  name: string;
  apiKey: string;
  onClose: () => void;
  note?: string;
}) {
  const [opened, setOpened] = useState(true);
  const close = () => {
    setOpened(false);
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      size="xl"
      title={`The key of ${inertLine(name)}`}
    >
      <Stack gap="md">
        <Alert color="yellow" variant="light" icon={<Icon name="key" />}>
          Copy it now. The gateway keeps only its hash and cannot show it again.
          {note && ` ${note}`}
        </Alert>
        <KeyLine apiKey={apiKey} />
        <div>
          <Text fw={600} size="sm" mb={4}>
            Use it: these work as pasted
          </Text>
          <Snippets clientId={clientId} apiKey={apiKey} />
        </div>
        <Group justify="flex-end">
          <Button onClick={close}>Done, I have stored the key</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

export function KeyLine({ apiKey }: { apiKey: string }) {
  return (
    <Group gap="xs" align="stretch">
      <code
        className="gw-mono"
        style={{
          flex: "1 1 260px",
          padding: "9px 12px",
          borderRadius: 8,
          border: "1px solid var(--gw-line)",
          background: "var(--gw-soft)",
          userSelect: "all",
          minWidth: 0,
        }}
        data-testid="api-key"
      >
        {apiKey}
      </code>
      <Copy text={apiKey} label="Copy the key" size="sm" variant="filled" />
    </Group>
  );
}
