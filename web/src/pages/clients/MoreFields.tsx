/** Everything beyond the four questions, in groups; each says in a line what it is set to. */

import { Accordion, Checkbox, Input, NumberInput, Select, Stack, Switch, TagsInput, Text, TextInput, Textarea } from "@mantine/core";
import type { ReactNode } from "react";

import { LimitInput } from "@/components/LimitInput";
import { compact, money, plural } from "@/lib/format";
import type { LimitField } from "@/lib/limits";
import { LIMIT_FIELDS } from "@/lib/limits";
import { ExtraBackendsInput } from "@/pages/clients/BackendFields";
import type { FieldsProps } from "@/pages/clients/BasicFields";
import type { Draft } from "@/pages/clients/draft";
import { errorOf } from "@/pages/clients/draft";
import { ExpiryInput } from "@/pages/clients/ExpiryInput";
import { KnownModels } from "@/pages/clients/KnownModels";
import { ModelPicker } from "@/pages/clients/ModelPicker";
import { AliasInput, FallbackInput } from "@/pages/clients/ModelsInput";
import { ServerToolsPicker } from "@/pages/clients/ServerToolsPicker";

/** Which group holds a field: the one with an error is opened. */
const GROUPS: Record<string, string> = {
  model_whitelist: "models",
  model_aliases: "models",
  models: "models",
  fallback_models: "fallback",
  extra_backends: "fallback",
  system_prompt: "prompt",
  tool_mode: "prompt",
  server_tools: "prompt",
  key_prefix: "access",
  expires_at: "access",
  allowed_ips: "access",
  is_active: "access",
  description: "other",
  log_bodies: "other",
  timeout_seconds: "other",
};

export function groupsWith(errors: Record<string, string>): string[] {
  const fields = Object.keys(errors).map((path) => path.split(".")[0] ?? "");
  const limits = new Set(Object.values(LIMIT_FIELDS).flatMap((group) => group.map(({ field }) => field as string)));
  return [...new Set(fields.map((field) => GROUPS[field] ?? (limits.has(field) ? "limits" : "")))].filter(Boolean);
}

interface Props extends FieldsProps {
  isNew: boolean;
}

export function MoreFields({ open, onOpen, ...props }: Props & { open: string[]; onOpen: (open: string[]) => void }) {
  const { draft } = props;
  return (
    <Accordion
      multiple
      value={open}
      onChange={onOpen}
      variant="separated"
      styles={{ item: { background: "var(--gw-surface)", border: "1px solid var(--gw-line)" } }}
    >
      <Group name="models" title="Models" summary={modelSummary(draft)}>
        <ModelFields {...props} />
      </Group>
      <Group name="limits" title="Limits and budgets" summary={limitSummary(draft)}>
        <LimitFields {...props} />
      </Group>
      <Group name="fallback" title="Fallback and further backends" summary={fallbackSummary(draft)}>
        <FallbackFields {...props} />
      </Group>
      <Group name="prompt" title="System prompt and tools" summary={promptSummary(draft)}>
        <PromptFields {...props} />
      </Group>
      <Group name="access" title="Key and access" summary={accessSummary(draft)}>
        <AccessFields {...props} />
      </Group>
      <Group name="other" title="Notes, logging and timeout" summary={otherSummary(draft)}>
        <OtherFields {...props} />
      </Group>
    </Accordion>
  );
}

function Group({ name, title, summary, children }: { name: string; title: string; summary: string; children: ReactNode }) {
  return (
    <Accordion.Item value={name}>
      <Accordion.Control>
        <Text fw={600} size="sm">
          {title}
        </Text>
        <Text size="sm" c="dimmed">
          {summary}
        </Text>
      </Accordion.Control>
      <Accordion.Panel>
        <Stack gap="md">{children}</Stack>
      </Accordion.Panel>
    </Accordion.Item>
  );
}

function modelSummary({ model_whitelist, model_aliases }: Draft): string {
  const allowed = model_whitelist.length === 0 ? "Every model allowed" : `${model_whitelist.length} allowed`;
  return model_aliases.length > 0 ? `${allowed}, ${plural(model_aliases.length, "alias", "aliases")}` : allowed;
}

function limitSummary(draft: Draft): string {
  const set: string[] = [];
  if (draft.rate_limit_minute) set.push(`${compact(draft.rate_limit_minute)} requests a minute`);
  if (draft.quota_requests_day) set.push(`${compact(draft.quota_requests_day)} requests a day`);
  if (draft.quota_output_tokens_day) set.push(`${compact(draft.quota_output_tokens_day)} output tokens a day`);
  if (draft.budget_usd_day) set.push(`${money(draft.budget_usd_day)} a day`);
  if (draft.budget_usd_month) set.push(`${money(draft.budget_usd_month)} a month`);
  return set.length > 0 ? set.join(", ") : "Nothing is limited day by day";
}

function fallbackSummary({ fallback_models, extra_backends }: Draft): string {
  if (fallback_models.length === 0 && extra_backends.length === 0) return "None";
  return `${plural(fallback_models.length, "fallback model")}, ${plural(extra_backends.length, "further backend")}`;
}

function promptSummary({ system_prompt, tool_mode, server_tools }: Draft): string {
  const prompt = system_prompt ? `A prompt of ${compact(system_prompt.length)} characters` : "No system prompt";
  if (tool_mode !== "gateway") return `${prompt}, tools passed through`;
  return `${prompt}, ${server_tools.length === 0 ? "every tool" : plural(server_tools.length, "tool name")} of the gateway`;
}

function accessSummary({ expires_at, allowed_ips, is_active }: Draft): string {
  const from = allowed_ips.length === 0 ? "from any address" : `from ${plural(allowed_ips.length, "network")}`;
  return `${is_active ? "Active" : "Disabled"}, ${expires_at ? "expires" : "never expires"}, ${from}`;
}

function otherSummary({ log_bodies, timeout_seconds }: Draft): string {
  return `Bodies ${log_bodies ? "are" : "are not"} logged, timeout ${timeout_seconds} s`;
}

function ModelFields({ draft, set, errors }: Props) {
  return (
    <>
      <ModelPicker
        value={draft.model_whitelist}
        onChange={(model_whitelist) => set({ model_whitelist })}
        models={draft.models}
        error={errorOf(errors, "model_whitelist")}
      />
      <AliasInput
        value={draft.model_aliases}
        onChange={(model_aliases) => set({ model_aliases })}
        models={draft.models}
        error={errorOf(errors, "model_aliases")}
      />
      <KnownModels value={draft.models} onChange={(models) => set({ models })} error={errorOf(errors, "models")} />
    </>
  );
}

function LimitGroup({ title, fields, draft, set, errors }: Props & { title: string; fields: LimitField[] }) {
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <legend style={{ fontWeight: 600, fontSize: "0.875rem", padding: 0, marginBottom: 8 }}>{title}</legend>
      <div className="gw-two">
        {fields.map(({ field, label, unit, help, money: isMoney }) => (
          <LimitInput
            key={field}
            label={label}
            unit={unit}
            help={help}
            money={isMoney}
            value={Number(draft[field as keyof Draft])}
            onChange={(value) => set({ [field]: value })}
            error={errors[field]}
          />
        ))}
      </div>
    </fieldset>
  );
}

function LimitFields(props: Props) {
  return (
    <>
      <LimitGroup {...props} title="Rates" fields={LIMIT_FIELDS.rates} />
      <LimitGroup {...props} title="Daily quotas" fields={LIMIT_FIELDS.quotas} />
      <LimitGroup {...props} title="Each request" fields={LIMIT_FIELDS.request} />
      <LimitGroup {...props} title="Budgets" fields={LIMIT_FIELDS.budgets} />
    </>
  );
}

function FallbackFields({ draft, set, errors, providers }: Props) {
  const named = draft.extra_backends.filter(({ name }) => name).map(({ name }) => `${name}/`);
  return (
    <>
      <FallbackInput
        value={draft.fallback_models}
        onChange={(fallback_models) => set({ fallback_models })}
        models={[...draft.models, ...named]}
        error={errorOf(errors, "fallback_models")}
      />
      <Input.Wrapper
        label="Further backends"
        labelElement="div"
        description="Other providers that fallback models can name."
        error={errors["extra_backends"]}
      >
        <div style={{ marginTop: 6 }}>
          <ExtraBackendsInput
            value={draft.extra_backends}
            onChange={(extra_backends) => set({ extra_backends })}
            providers={providers}
            errors={errors}
          />
        </div>
      </Input.Wrapper>
    </>
  );
}

function PromptFields({ draft, set, errors }: Props) {
  return (
    <>
      <Textarea
        label="System prompt"
        description="Put before the caller's own on every request. The caller cannot remove it."
        autosize
        minRows={3}
        maxRows={14}
        value={draft.system_prompt}
        onChange={(event) => set({ system_prompt: event.currentTarget.value })}
        error={errors["system_prompt"]}
      />
      <Select
        label="Tool mode"
        description="In gateway mode the model gets the gateway's tools beside the caller's. Their calls are run here; the caller sees the answer alone."
        data={[
          { value: "pass-through", label: "Pass through: the caller runs its tools" },
          { value: "gateway", label: "Gateway: the gateway runs its own tools" },
        ]}
        value={draft.tool_mode}
        onChange={(mode) => set({ tool_mode: mode === "gateway" ? "gateway" : "pass-through" })}
        allowDeselect={false}
        error={errors["tool_mode"]}
      />
      {draft.tool_mode === "gateway" && (
        <ServerToolsPicker
          value={draft.server_tools}
          onChange={(server_tools) => set({ server_tools })}
          error={errorOf(errors, "server_tools")}
        />
      )}
    </>
  );
}

function AccessFields({ draft, set, errors, isNew }: Props) {
  return (
    <>
      <Switch
        label="Active"
        description="A disabled client gets 403"
        checked={draft.is_active}
        onChange={(event) => set({ is_active: event.currentTarget.checked })}
      />
      <ExpiryInput value={draft.expires_at} onChange={(expires_at) => set({ expires_at })} error={errors["expires_at"]} />
      <TagsInput
        label="Allowed addresses"
        description="IP addresses or networks such as 10.0.0.0/8, each followed by Enter. Empty: any address."
        value={draft.allowed_ips}
        onChange={(allowed_ips) => set({ allowed_ips })}
        error={errorOf(errors, "allowed_ips")}
        placeholder={draft.allowed_ips.length === 0 ? "Any address" : ""}
        splitChars={[",", " "]}
        acceptValueOnBlur
      />
      <TextInput
        label="Key prefix"
        description={isNew ? "Start of the key, such as gm_, sk- or sk-ant-" : "Start of the next key: the ones that are out stay"}
        value={draft.key_prefix}
        onChange={(event) => set({ key_prefix: event.currentTarget.value })}
        error={errors["key_prefix"]}
        maxLength={32}
        maw={280}
      />
    </>
  );
}

function OtherFields({ draft, set, errors }: Props) {
  return (
    <>
      <Textarea
        label="Description"
        description="For you and your colleagues"
        autosize
        minRows={2}
        maxLength={2000}
        value={draft.description}
        onChange={(event) => set({ description: event.currentTarget.value })}
        error={errors["description"]}
      />
      <Checkbox
        label="Log bodies"
        description="Keeps requests and answers in the log, up to 256 KiB each. They may hold personal data."
        checked={draft.log_bodies}
        onChange={(event) => set({ log_bodies: event.currentTarget.checked })}
      />
      <NumberInput
        label="Timeout"
        description="To the first byte, and between chunks. A long stream is never cut by a total."
        rightSection={<span className="gw-dim">seconds</span>}
        rightSectionWidth={74}
        rightSectionPointerEvents="none"
        value={draft.timeout_seconds}
        min={0}
        max={86_400}
        onChange={(value) => set({ timeout_seconds: Number(value) || 0 })}
        error={errors["timeout_seconds"]}
        maw={280}
      />
    </>
  );
}
