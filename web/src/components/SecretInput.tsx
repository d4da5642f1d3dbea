import { Button, Group, PasswordInput, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  label: string;
  /** undefined: the stored one is kept; "": it is cleared. */
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  stored: boolean;
  description?: ReactNode;
  error?: string | undefined;
  required?: boolean;
}

/** A credential: typed, never shown again. */
export function SecretInput({ label, value, onChange, stored, description, error, required }: Props) {
  const removing = stored && value === "";
  return (
    <div>
      <PasswordInput
        label={label}
        description={description}
        error={error}
        withAsterisk={required && !stored}
        autoComplete="off"
        name="upstream-credential"
        value={value ?? ""}
        placeholder={stored && !removing ? "Stored. Type to replace it" : ""}
        onChange={(event) => onChange(event.currentTarget.value || (stored ? undefined : ""))}
        visibilityToggleButtonProps={{ "aria-label": "Show what is typed" }}
      />
      {stored && (
        <Group gap="xs" mt={4}>
          {removing && (
            <Text size="sm" c="dimmed">
              The stored credential is removed when you save.
            </Text>
          )}
          <Button size="compact-xs" variant="default" onClick={() => onChange(removing ? undefined : "")}>
            {removing ? "Keep it" : "Remove the stored credential"}
          </Button>
        </Group>
      )}
    </div>
  );
}
