import { Button, Group, Modal, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { FormAlert } from "@/components/FormAlert";
import { useSave } from "@/lib/useSave";

/** Asks before something that cannot be undone; stays open, and says why, where it failed. */
export function Confirm({
  title,
  children,
  action,
  danger,
  onConfirm,
  onClose,
  onCancel = onClose,
}: {
  title: string;
  children: ReactNode;
  action: string;
  danger?: boolean;
  onConfirm: () => Promise<void>;
  /** After it went well. */
  onClose: () => void;
  /** Where somebody thought better of it. */
  onCancel?: () => void;
}) {
  const { save, busy, message } = useSave();
  const confirm = async () => {
    if (await save(onConfirm)) onClose();
  };
  return (
    <Modal opened onClose={onCancel} title={title}>
      <Stack gap="md">
        <div style={{ fontSize: "0.9rem" }}>{children}</div>
        <FormAlert message={message} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel} data-autofocus>
            Cancel
          </Button>
          <Button color={danger ? "red" : undefined} loading={busy} onClick={() => void confirm()}>
            {action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
