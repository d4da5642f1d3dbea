import { Button, Checkbox, CloseButton, Group, Input, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useId, useState } from "react";

import { Icon } from "@/components/Icon";
import { Plain } from "@/components/Text";
import { matches } from "@/pages/clients/draft";

const MOST_SHOWN = 200;

interface Words {
  label: string;
  description?: string;
  /** The choice that needs no picking. */
  every: string;
  /** Where nothing is picked. */
  nothing: string;
  search: string;
  placeholder: string;
  /** Of the list to pick from. */
  group: string;
  /** Where there is none. */
  none: string;
  noMatch: string;
}

interface Props {
  words: Words;
  /** Exact names and patterns; empty: every one. */
  value: string[];
  onChange: (value: string[]) => void;
  names: readonly string[];
  error?: string | undefined;
}

/** Which names are meant: every one, or those that are picked or match a pattern. */
export function NamePicker({ words, value, onChange, names, error }: Props) {
  const [only, setOnly] = useState(value.length > 0);
  const choose = (mode: string) => {
    setOnly(mode === "only");
    if (mode === "every") onChange([]);
  };
  return (
    <Input.Wrapper
      label={words.label}
      labelElement="div"
      description={words.description}
      error={error ?? (only && value.length === 0 ? words.nothing : undefined)}
    >
      <Stack gap="xs" mt={4}>
        <SegmentedControl
          aria-label={words.label}
          value={only || value.length > 0 ? "only" : "every"}
          onChange={choose}
          data={[
            { value: "every", label: words.every },
            { value: "only", label: "Only these" },
          ]}
          style={{ alignSelf: "start" }}
        />
        {(only || value.length > 0) && <Picking words={words} value={value} onChange={onChange} names={names} />}
      </Stack>
    </Input.Wrapper>
  );
}

function Picking({ words, value, onChange, names }: Omit<Props, "error">) {
  const [search, setSearch] = useState("");
  const listId = useId();
  const wanted = search.trim();
  const found = names.filter((name) => name.toLowerCase().includes(wanted.toLowerCase()));
  const shown = found.slice(0, MOST_SHOWN);
  const patterns = value.filter((name) => name.includes("*"));
  const add = () => {
    if (wanted && !value.includes(wanted)) onChange([...value, wanted]);
    setSearch("");
  };
  const toggle = (name: string, on: boolean) =>
    onChange(on ? [...value, name] : value.filter((other) => other !== name));
  return (
    <>
      <Chosen value={value} onRemove={(name) => toggle(name, false)} />
      <Group gap="xs" wrap="nowrap" align="end">
        <TextInput
          style={{ flex: 1 }}
          aria-label={words.search}
          placeholder={words.placeholder}
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
      {names.length === 0 ? (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      ) : (
        <div
          id={listId}
          role="group"
          aria-label={words.group}
          style={{ maxHeight: 240, overflowY: "auto", border: "1px solid var(--gw-line)", borderRadius: 8, padding: 8 }}
        >
          <Stack gap={6}>
            {shown.map((name) => {
              const pattern = patterns.find((p) => p !== name && matches(p, name));
              return (
                <Checkbox
                  key={name}
                  label={
                    <>
                      <Plain text={name} />
                      {pattern && <span className="gw-dim"> by {pattern}</span>}
                    </>
                  }
                  checked={value.includes(name) || !!pattern}
                  disabled={!!pattern && !value.includes(name)}
                  onChange={(event) => toggle(name, event.currentTarget.checked)}
                />
              );
            })}
            {found.length === 0 && (
              <Text size="sm" c="dimmed">
                {words.noMatch}
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
