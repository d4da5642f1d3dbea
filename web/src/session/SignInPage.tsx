import { Center, Group, Stack, Text, Title } from "@mantine/core";
import { useEffect } from "react";

import { Logo } from "@/components/Logo";
import { SchemeSwitch } from "@/components/SchemeSwitch";
import { SignInForm } from "@/session/SignInForm";

export function SignInPage() {
  useEffect(() => {
    document.title = "Sign in · ai-gateway";
  }, []);
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={380} gap="md">
        <Group gap="sm">
          <Logo size={32} />
          <Title order={1}>ai-gateway</Title>
        </Group>
        <div className="gw-card">
          <SignInForm />
        </div>
        <Text size="sm" c="dimmed">
          The first launch prints the password of the admin account. Lost it? Run{" "}
          <code className="gw-mono">ai-gateway admin reset-password</code> on the gateway&apos;s machine.
        </Text>
        <Group justify="flex-end">
          <SchemeSwitch />
        </Group>
      </Stack>
    </Center>
  );
}

