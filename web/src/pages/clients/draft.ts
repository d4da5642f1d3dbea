/** The client form's content: made from a client or from the defaults, checked, and told as a change. */

import type { Client, ClientChange, ClientSettings, Defaults, ExtraBackend, ExtraBackendInput, NewClient, Provider } from "@/api/types";
import type { FieldErrors } from "@/lib/useSave";

export interface Alias {
  id: number;
  alias: string;
  model: string;
}

/** `backend_api_key`: undefined keeps the stored one, "" clears it. */
export interface BackendDraft extends ExtraBackend {
  id: number;
  backend_api_key?: string;
}

export interface Draft extends Omit<ClientSettings, "model_aliases" | "extra_backends"> {
  backend_api_key?: string;
  model_aliases: Alias[];
  extra_backends: BackendDraft[];
}

let lastId = 0;

export function nextId(): number {
  return ++lastId;
}

export function emptyDraft(defaults: Defaults): Draft {
  return {
    name: "",
    description: "",
    backend: "",
    base_url: "",
    default_model: "",
    models: [],
    model_whitelist: [],
    model_aliases: [],
    extra_backends: [],
    fallback_models: [],
    system_prompt: "",
    tool_mode: "pass-through",
    server_tools: [],
    max_concurrency: 0,
    budget_usd_day: 0,
    budget_usd_month: 0,
    key_prefix: "gm_",
    expires_at: null,
    allowed_ips: [],
    is_active: true,
    log_bodies: false,
    timeout_seconds: 120,
    ...defaults,
  };
}

export function draftOf(client: Client): Draft {
  return {
    ...settingsOf(client),
    model_aliases: Object.entries(client.model_aliases).map(([alias, model]) => ({ id: nextId(), alias, model })),
    extra_backends: client.extra_backends.map((extra) => ({ ...extra, id: nextId() })),
  };
}

function settingsOf(client: Client): ClientSettings {
  const { id: _i, etag: _e, keys: _k, key_tails: _t, has_backend_api_key: _h, ...rest } = client;
  const { created_at: _c, updated_at: _u, last_seen: _l, ...settings } = rest;
  return settings;
}

/** Everything, for a new client. */
export function wholeOf(draft: Draft): NewClient {
  const { model_aliases, extra_backends, backend_api_key, ...rest } = draft;
  return {
    ...rest,
    backend_api_key: backend_api_key ?? "",
    model_aliases: aliasesOf(model_aliases),
    extra_backends: extra_backends.map(backendOf),
  };
}

/** What `draft` says otherwise than `before`; secrets only where somebody typed. */
export function changeOf(draft: Draft, before: Draft): ClientChange {
  const now: Record<string, unknown> = { ...wholeOf(draft) };
  const then: Record<string, unknown> = { ...wholeOf(before) };
  delete now["backend_api_key"];
  const change: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(now)) {
    if (JSON.stringify(value) !== JSON.stringify(then[field])) change[field] = value;
  }
  if (draft.backend_api_key !== undefined) change["backend_api_key"] = draft.backend_api_key;
  return change;
}

function aliasesOf(aliases: Alias[]): Record<string, string> {
  const filled = aliases.filter(({ alias, model }) => alias.trim() || model.trim());
  return Object.fromEntries(filled.map(({ alias, model }) => [alias.trim(), model.trim()]));
}

function backendOf({ name, backend, base_url, backend_api_key }: BackendDraft): ExtraBackendInput {
  const shown = { name, backend, base_url };
  return backend_api_key === undefined ? shown : { ...shown, backend_api_key };
}

/** What can be told before the gateway is asked. It checks everything again. */
export function check(draft: Draft, providers: readonly Provider[]): FieldErrors {
  const errors: FieldErrors = {};
  if (!draft.name.trim()) errors["name"] = "Give it a name";
  if (!draft.backend) errors["backend"] = "Pick a provider";
  const provider = providers.find((p) => p.name === draft.backend);
  const url = urlProblem(draft.base_url, provider);
  if (url) errors["base_url"] = url;
  for (const [index, extra] of draft.extra_backends.entries()) {
    const path = `extra_backends.${index}`;
    if (!/^[A-Za-z0-9._-]+$/.test(extra.name)) errors[`${path}.name`] = "Letters, digits, '.', '-' and '_'";
    if (!extra.backend) errors[`${path}.backend`] = "Pick a provider";
    const wrong = urlProblem(extra.base_url, providers.find((p) => p.name === extra.backend));
    if (wrong) errors[`${path}.base_url`] = wrong;
  }
  if (aliasProblem(draft.model_aliases)) errors["model_aliases"] = aliasProblem(draft.model_aliases);
  if (!(draft.timeout_seconds > 0)) errors["timeout_seconds"] = "More than 0 seconds";
  return errors;
}

function urlProblem(url: string, provider: Provider | undefined): string {
  if (!url.trim()) return provider?.base_url_required ? "This provider has no address of its own: give one" : "";
  return /^https?:\/\/[^\s/]+/i.test(url.trim()) ? "" : "Starts with http:// or https://";
}

function aliasProblem(aliases: Alias[]): string {
  const filled = aliases.filter(({ alias, model }) => alias.trim() || model.trim());
  if (filled.some(({ alias, model }) => !alias.trim() || !model.trim())) return "Each alias needs both names";
  const names = filled.map(({ alias }) => alias.trim());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? "" : `${twice} stands here twice`;
}

/** The message of a field, or of the first part of it. */
export function errorOf(errors: FieldErrors, field: string): string | undefined {
  return errors[field] ?? Object.entries(errors).find(([name]) => name.startsWith(`${field}.`))?.[1];
}

/** Whether a model is let through by an exact name or a pattern with `*`. */
export function matches(pattern: string, model: string): boolean {
  if (!pattern.includes("*")) return pattern === model;
  const escaped = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`, "s").test(model);
}
