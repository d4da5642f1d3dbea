import { Alert } from "@mantine/core";

import { Icon } from "@/components/Icon";

/** What went wrong with a form as a whole. */
export function FormAlert({ message }: { message: string }) {
  if (!message) return null;
  return (
    <Alert color="red" variant="light" icon={<Icon name="warning" />} role="alert">
      {message}
    </Alert>
  );
}
