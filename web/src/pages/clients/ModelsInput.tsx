import { ActionIcon, Autocomplete, Button, Group, Input, Stack } from "@mantine/core";
import { useState } from "react";

import { Icon } from "@/components/Icon";
import { Plain } from "@/components/Text";
import type { Alias } from "@/pages/clients/draft";
import { nextId } from "@/pages/clients/draft";

const MOST_SHOWN = 50;

/** A model's name, suggested from those that the provider has. */
export function ModelInput({
  label,
  value,
  onChange,
  models,
  placeholder,
  description,
  error,
  hideLabel,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  models: readonly string[];
  placeholder?: string;
  description?: string;
  error?: string | undefined;
  hideLabel?: boolean;
}) {
  return (
    <Autocomplete
      label={hideLabel ? undefined : label}
      aria-label={hideLabel ? label : undefined}
      description={description}
      placeholder={placeholder}
      value={value}
      onChange={onChange}
      data={[...new Set(models)]}
      limit={MOST_SHOWN}
      error={error}
      maxLength={500}
      autoComplete="off"
    />
  );
}

/** An ordered list: tried from the top. */
export function FallbackInput({
  value,
  onChange,
  models,
  error,
}: {
  value: string[];
  onChange: (value: string[]) => void;
  models: readonly string[];
  error?: string | undefined;
}) {
  const [next, setNext] = useState("");
  const add = () => {
    const name = next.trim();
    if (name && !value.includes(name)) onChange([...value, name]);
    setNext("");
  };
  const move = (from: number, by: number) => {
    const moved = [...value];
    const [name] = moved.splice(from, 1);
    if (name !== undefined) moved.splice(from + by, 0, name);
    onChange(moved);
  };
  return (
    <Input.Wrapper
      label="Fallback models"
      labelElement="div"
      description="Tried in this order where a model fails before its first content. NAME/model is a model of a further backend."
      error={error}
    >
      <Stack gap={6} mt={6}>
        {value.map((name, index) => (
          <Group key={name} gap={4} wrap="nowrap">
            <span className="gw-dim" style={{ width: 22 }}>
              {index + 1}.
            </span>
            <span style={{ flex: 1, minWidth: 0 }}>
              <Plain text={name} cut />
            </span>
            <Small label={`Move ${name} up`} icon="up" disabled={index === 0} onClick={() => move(index, -1)} />
            <Small
              label={`Move ${name} down`}
              icon="down"
              disabled={index === value.length - 1}
              onClick={() => move(index, 1)}
            />
            <Small
              label={`Remove ${name}`}
              icon="cross"
              onClick={() => onChange(value.filter((other) => other !== name))}
            />
          </Group>
        ))}
        <Group
          gap="xs"
          wrap="nowrap"
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              add();
            }
          }}
        >
          <div style={{ flex: 1, minWidth: 0 }}>
            <ModelInput
              hideLabel
              label="Next fallback model"
              placeholder="model, or NAME/model"
              value={next}
              onChange={setNext}
              models={models}
            />
          </div>
          <Button variant="default" onClick={add} disabled={!next.trim()}>
            Add
          </Button>
        </Group>
      </Stack>
    </Input.Wrapper>
  );
}

export function AliasInput({
  value,
  onChange,
  models,
  error,
}: {
  value: Alias[];
  onChange: (value: Alias[]) => void;
  models: readonly string[];
  error?: string | undefined;
}) {
  const set = (id: number, change: Partial<Alias>) =>
    onChange(value.map((alias) => (alias.id === id ? { ...alias, ...change } : alias)));
  return (
    <Input.Wrapper
      label="Aliases"
      labelElement="div"
      description="A name that callers use for a model that the provider calls otherwise."
      error={error}
    >
      <Stack gap={6} mt={6}>
        {value.map((row) => (
          <Group key={row.id} gap={6} wrap="nowrap">
            <div style={{ flex: 1, minWidth: 0 }}>
              <ModelInput
                hideLabel
                label="Name that callers use"
                placeholder="callers say"
                value={row.alias}
                onChange={(alias) => set(row.id, { alias })}
                models={[]}
              />
            </div>
            <Icon name="right" size={14} />
            <div style={{ flex: 1, minWidth: 0 }}>
              <ModelInput
                hideLabel
                label="Model of the provider"
                placeholder="provider's model"
                value={row.model}
                onChange={(model) => set(row.id, { model })}
                models={models}
              />
            </div>
            <Small
              label={`Remove the alias ${row.alias}`}
              icon="cross"
              onClick={() => onChange(value.filter((other) => other.id !== row.id))}
            />
          </Group>
        ))}
        <Button
          variant="default"
          size="xs"
          style={{ alignSelf: "start" }}
          leftSection={<Icon name="plus" size={14} />}
          onClick={() => onChange([...value, { id: nextId(), alias: "", model: "" }])}
        >
          Add an alias
        </Button>
      </Stack>
    </Input.Wrapper>
  );
}

function Small({
  label,
  icon,
  onClick,
  disabled,
}: {
  label: string;
  icon: "up" | "down" | "cross";
  onClick: () => void;
  disabled?: boolean;
}) {
  return (
    <ActionIcon variant="default" size="md" aria-label={label} onClick={onClick} disabled={disabled}>
      <Icon name={icon} size={14} />
    </ActionIcon>
  );
}
