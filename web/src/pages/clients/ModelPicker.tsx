import { Button, Checkbox, CloseButton, Group, Input, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useId, useState } from "react";

import { Icon } from "@/components/Icon";
import { Plain } from "@/components/Text";
import { matches } from "@/pages/clients/draft";

const MOST_SHOWN = 200;

interface Props {
  /** Exact names and patterns; empty: every model. */
  value: string[];
  onChange: (value: string[]) => void;
  models: readonly string[];
  error?: string | undefined;
}

/** Which models a client may use: every one, or those that are picked or match a pattern. */
export function ModelPicker({ value, onChange, models, error }: Props) {
  const [only, setOnly] = useState(value.length > 0);
  const choose = (mode: string) => {
    setOnly(mode === "only");
    if (mode === "every") onChange([]);
  };
  return (
    <Input.Wrapper
      label="Allowed models"
      labelElement="div"
      error={error ?? (only && value.length === 0 ? "Nothing is picked, so every model is allowed" : undefined)}
    >
      <Stack gap="xs" mt={4}>
        <SegmentedControl
          aria-label="Allowed models"
          value={only || value.length > 0 ? "only" : "every"}
          onChange={choose}
          data={[
            { value: "every", label: "Every model" },
            { value: "only", label: "Only these" },
          ]}
          style={{ alignSelf: "start" }}
        />
        {(only || value.length > 0) && <Picking value={value} onChange={onChange} models={models} />}
      </Stack>
    </Input.Wrapper>
  );
}

function Picking({ value, onChange, models }: Omit<Props, "error">) {
  const [search, setSearch] = useState("");
  const listId = useId();
  const wanted = search.trim();
  const found = models.filter((model) => model.toLowerCase().includes(wanted.toLowerCase()));
  const shown = found.slice(0, MOST_SHOWN);
  const patterns = value.filter((name) => name.includes("*"));
  const add = () => {
    if (wanted && !value.includes(wanted)) onChange([...value, wanted]);
    setSearch("");
  };
  const toggle = (model: string, on: boolean) =>
    onChange(on ? [...value, model] : value.filter((name) => name !== model));
  return (
    <>
      <Chosen value={value} onRemove={(name) => toggle(name, false)} />
      <Group gap="xs" wrap="nowrap" align="end">
        <TextInput
          style={{ flex: 1 }}
          aria-label="Search models, or type a name or a pattern"
          placeholder="Search, or type a name or a pattern such as gpt-5*"
          leftSection={<Icon name="search" size={15} />}
          value={search}
          aria-controls={listId}
          onChange={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault(); // picks; does not send the form
            add();
          }}
        />
        <Button variant="default" onClick={add} disabled={!wanted || value.includes(wanted)}>
          Add
        </Button>
      </Group>
      {models.length === 0 ? (
        <Text size="sm" c="dimmed">
          Fetch the models above to pick from them, or type names.
        </Text>
      ) : (
        <div
          id={listId}
          role="group"
          aria-label="Models of the provider"
          style={{ maxHeight: 240, overflowY: "auto", border: "1px solid var(--gw-line)", borderRadius: 8, padding: 8 }}
        >
          <Stack gap={6}>
            {shown.map((model) => {
              const pattern = patterns.find((p) => matches(p, model));
              return (
                <Checkbox
                  key={model}
                  label={
                    <>
                      <Plain text={model} />
                      {pattern && <span className="gw-dim"> by {pattern}</span>}
                    </>
                  }
                  checked={value.includes(model) || !!pattern}
                  disabled={!!pattern && !value.includes(model)}
                  onChange={(event) => toggle(model, event.currentTarget.checked)}
                />
              );
            })}
            {found.length === 0 && (
              <Text size="sm" c="dimmed">
                No model has this in its name. Enter adds it all the same.
              </Text>
            )}
            {found.length > shown.length && (
              <Text size="sm" c="dimmed">
                {found.length - shown.length} more: search for a part of the name.
              </Text>
            )}
          </Stack>
        </div>
      )}
    </>
  );
}

function Chosen({ value, onRemove }: { value: string[]; onRemove: (name: string) => void }) {
  return (
    <Group gap={6}>
      {value.map((name) => (
        <span key={name} className="gw-chip">
          <Plain text={name} />
          <CloseButton size="xs" aria-label={`Remove ${name}`} onClick={() => onRemove(name)} />
        </span>
      ))}
    </Group>
  );
}
