import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useState } from "react";

import { Icon } from "@/components/Icon";

const TYPING_MS = 300;

/** Asks when the typing pauses. */
export function SearchInput({
  label,
  placeholder,
  value,
  onChange,
}: {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  const [settled] = useDebouncedValue(text, TYPING_MS);
  const [known, setKnown] = useState(value);
  if (value !== known) {
    // Changed from elsewhere, such as by the back button.
    setKnown(value);
    if (value !== settled) setText(value);
  }
  useEffect(() => {
    if (settled === text && settled !== value) onChange(settled);
    // Only what was typed is told; a value from elsewhere is taken over above.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [settled]);
  return (
    <TextInput
      type="search"
      label={label}
      placeholder={placeholder}
      leftSection={<Icon name="search" size={15} />}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
}
