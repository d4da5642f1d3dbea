import { Button, Modal, Stack, Text } from "@mantine/core";

import { session } from "@/session/store";
import { SignInForm } from "@/session/SignInForm";

/** Over the page that was open: what is typed there stays, and goes on after the sign-in. */
export function ExpiredDialog({ username }: { username: string }) {
  return (
    <Modal
      opened
      onClose={() => undefined}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      title="Your session has ended"
      zIndex={400}
    >
      <Stack gap="sm">
        <Text size="sm">Sign in to go on where you were. Nothing that you typed is lost.</Text>
        <SignInForm username={username} />
        <Button variant="subtle" color="gray" size="xs" onClick={() => session.signedOut()}>
          Leave this page instead
        </Button>
      </Stack>
    </Modal>
  );
}
