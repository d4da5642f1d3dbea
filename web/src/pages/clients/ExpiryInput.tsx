import { Group, Input, Switch } from "@mantine/core";
import { useId } from "react";

/** The browser's own date field takes local time without a zone. */
function localOf(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const MONTH_MS = 30 * 86_400_000;

export function ExpiryInput({
  value,
  onChange,
  label = "Expires",
  error,
}: {
  value: string | null;
  onChange: (value: string | null) => void;
  label?: string;
  error?: string | undefined;
}) {
  const id = useId();
  const set = (local: string) => {
    const at = new Date(local);
    if (!Number.isNaN(at.getTime())) onChange(at.toISOString());
  };
  return (
    <Input.Wrapper id={id} label={label} error={error} description="In your time zone. After it, no key works.">
      <Group mt={4} gap="md">
        <Switch
          label="Never"
          aria-label={`${label}: never`}
          checked={value === null}
          onChange={(event) => onChange(event.currentTarget.checked ? null : new Date(Date.now() + MONTH_MS).toISOString())}
        />
        {value !== null && (
          <Input
            id={id}
            type="datetime-local"
            value={localOf(value)}
            onChange={(event) => set(event.currentTarget.value)}
            error={!!error}
          />
        )}
      </Group>
    </Input.Wrapper>
  );
}
