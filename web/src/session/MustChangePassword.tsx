import { Button, Center, Stack, Text, Title } from "@mantine/core";

import { loadSession, signOut } from "@/session/api";
import { PasswordForm } from "@/session/PasswordForm";

export function MustChangePassword() {
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={420} gap="md">
        <Title order={1}>Choose a password</Title>
        <Text size="sm" c="dimmed">
          Somebody else knows the password of this account. Choose one of your own to go on.
        </Text>
        <div className="gw-card">
          <PasswordForm onDone={() => void loadSession()} />
        </div>
        <Button variant="subtle" color="gray" size="xs" onClick={() => void signOut()}>
          Sign out
        </Button>
      </Stack>
    </Center>
  );
}
