import { Alert, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import type { SubmitEvent } from "react";
import { useEffect, useState } from "react";

import { ApiError, reason } from "@/api/http";
import { Icon } from "@/components/Icon";
import { span } from "@/lib/format";
import { signIn } from "@/session/api";

function useCountdown(): [number, (seconds: number) => void] {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return [left, setLeft];
}

export function SignInForm({ username: fixed }: { username?: string }) {
  const [username, setUsername] = useState(fixed ?? "");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useCountdown();

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy || wait > 0) return;
    setBusy(true);
    setProblem("");
    try {
      await signIn(username.trim(), password);
    } catch (error) {
      setProblem(reason(error));
      if (error instanceof ApiError && error.status === 429) setWait(error.retryAfterS ?? 30);
      setBusy(false);
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack gap="sm">
        {problem && (
          <Alert color="red" variant="light" icon={<Icon name="warning" />} role="alert">
            {problem}
          </Alert>
        )}
        <TextInput
          label="Username"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          required
          value={username}
          onChange={(event) => setUsername(event.currentTarget.value)}
          data-autofocus={fixed ? undefined : true}
          autoFocus={!fixed}
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          data-autofocus={fixed ? true : undefined}
          visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
        />
        <Button type="submit" loading={busy} disabled={wait > 0} fullWidth>
          {wait > 0 ? `Try again in ${span(wait)}` : "Sign in"}
        </Button>
      </Stack>
    </form>
  );
}
