import { Button, Group, Textarea } from "@mantine/core";
import { useState } from "react";

import { plural } from "@/lib/format";

/** The cached list, as text: seldom edited by hand, and often hundreds of names. */
export function KnownModels({
  value,
  onChange,
  error,
}: {
  value: string[];
  onChange: (value: string[]) => void;
  error?: string | undefined;
}) {
  const [editing, setEditing] = useState(false);
  const [text, setText] = useState("");
  const open = () => {
    setText(value.join("\n"));
    setEditing(true);
  };
  if (!editing && !error) {
    return (
      <Group gap="xs">
        <span className="gw-dim">
          {value.length === 0
            ? "No models are known yet: they are fetched when a caller first lists them."
            : `Callers see ${plural(value.length, "known model")} at /v1/models.`}
        </span>
        <Button size="compact-sm" variant="default" onClick={open}>
          Edit the list
        </Button>
      </Group>
    );
  }
  return (
    <Textarea
      label="Known models"
      description="The cached list that callers see at /v1/models, one a line. “Fetch models” fills it."
      autosize
      minRows={3}
      maxRows={10}
      value={editing ? text : value.join("\n")}
      onChange={(event) => {
        setEditing(true);
        setText(event.currentTarget.value);
        onChange([...new Set(event.currentTarget.value.split("\n").map((line) => line.trim()))].filter(Boolean));
      }}
      error={error}
    />
  );
}
