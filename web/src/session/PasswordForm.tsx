import { Button, PasswordInput, Stack } from "@mantine/core";
import type { SubmitEvent } from "react";
import { useState } from "react";

import { call } from "@/api/http";
import { FormAlert } from "@/components/FormAlert";
import { useSave } from "@/lib/useSave";

const MIN_LENGTH = 10;

export function PasswordForm({ onDone }: { onDone: () => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const { save, busy, errors, message } = useSave();
  const tooShort = next.length < MIN_LENGTH ? `At least ${MIN_LENGTH} characters` : "";
  const differs = next === again ? "" : "This is not the same password";

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setTried(true);
    if (tooShort || differs) return;
    void save(async () => {
      await call("POST", "/password", { body: { current_password: current, new_password: next } });
      setCurrent("");
      setNext("");
      setAgain("");
      setTried(false);
      onDone();
    });
  };

  const toggle = { "aria-label": "Show the password" };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm" maw={420}>
        <FormAlert message={message} />
        <PasswordInput
          label="Current password"
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
          error={errors["current_password"]}
          visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label="New password"
          description={`At least ${MIN_LENGTH} characters`}
          autoComplete="new-password"
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
          error={errors["new_password"] ?? (tried ? tooShort : "")}
          visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label="New password again"
          autoComplete="new-password"
          value={again}
          onChange={(event) => setAgain(event.currentTarget.value)}
          error={tried ? differs : ""}
          visibilityToggleButtonProps={toggle}
        />
        <Button type="submit" loading={busy} style={{ alignSelf: "start" }}>
          Change password
        </Button>
      </Stack>
    </form>
  );
}
