import { describe, expect, it } from "vitest";

import type { Client, Defaults, Provider } from "@/api/types";
import { changeOf, check, draftOf, emptyDraft, errorOf, matches, wholeOf } from "@/pages/clients/draft";
import { differences } from "@/pages/clients/StaleDialog";

const DEFAULTS: Defaults = {
  rate_limit_minute: 60,
  rate_limit_hour: 0,
  rate_limit_day: 0,
  quota_input_tokens_day: 0,
  quota_output_tokens_day: 0,
  quota_requests_day: 1000,
  max_input_tokens: 0,
  max_output_tokens: 8192,
};

const PROVIDERS: Provider[] = [
  { name: "openai", title: "OpenAI", base_url: "https://api.openai.com/v1", base_url_required: false, key_required: true, dialects: [], builtin: false },
  { name: "vllm", title: "vLLM", base_url: "", base_url_required: true, key_required: false, dialects: [], builtin: false },
];

const CLIENT: Client = {
  ...wholeOfEmpty(),
  id: "cl_1",
  name: "shop",
  backend: "openai",
  has_backend_api_key: true,
  model_aliases: { fast: "gpt-4o-mini" },
  extra_backends: [{ name: "local", backend: "vllm", base_url: "http://host:8000/v1", has_backend_api_key: true }],
  key_tails: ["abcd"],
  keys: [],
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  last_seen: null,
  etag: "1",
};

function wholeOfEmpty() {
  const { model_aliases: _a, extra_backends: _e, ...rest } = emptyDraft(DEFAULTS);
  return rest;
}

describe("a new client", () => {
  it("starts with the gateway's defaults", () => {
    expect(emptyDraft(DEFAULTS)).toMatchObject({ rate_limit_minute: 60, max_output_tokens: 8192, key_prefix: "gm_" });
  });

  it("tells what is missing beside its field", () => {
    const draft = { ...emptyDraft(DEFAULTS), name: " ", backend: "vllm" };
    expect(check(draft, PROVIDERS)).toEqual({
      name: "Give it a name",
      base_url: "This provider has no address of its own: give one",
    });
  });

  it.each(["localhost:8000", "ftp://host", "https://"])("takes no %s for a base URL", (base_url) => {
    expect(check({ ...emptyDraft(DEFAULTS), name: "a", backend: "openai", base_url }, PROVIDERS)).toHaveProperty("base_url");
  });

  it("leaves half an alias to nobody", () => {
    const aliases = [{ id: 1, alias: "fast", model: "" }];
    expect(check({ ...draftOf(CLIENT), model_aliases: aliases }, PROVIDERS)).toHaveProperty("model_aliases");
  });

  it("names the broken further backend by its place", () => {
    const draft = draftOf(CLIENT);
    draft.extra_backends.push({ id: 99, name: "a b", backend: "", base_url: "", has_backend_api_key: false });
    expect(Object.keys(check(draft, PROVIDERS))).toEqual(["extra_backends.1.name", "extra_backends.1.backend"]);
  });
});

describe("a change", () => {
  it("is nothing where nothing changed", () => {
    const draft = draftOf(CLIENT);
    expect(changeOf(draft, draft)).toEqual({});
  });

  it("holds only what changed, and no secret that nobody typed", () => {
    const before = draftOf(CLIENT);
    expect(changeOf({ ...before, name: "shop-2", budget_usd_day: 5 }, before)).toEqual({ name: "shop-2", budget_usd_day: 5 });
  });

  it("replaces and clears the credential", () => {
    const before = draftOf(CLIENT);
    expect(changeOf({ ...before, backend_api_key: "sk-new" }, before)).toEqual({ backend_api_key: "sk-new" });
    expect(changeOf({ ...before, backend_api_key: "" }, before)).toEqual({ backend_api_key: "" });
  });

  it("keeps the credentials of further backends by leaving them out", () => {
    const before = draftOf(CLIENT);
    const [extra] = before.extra_backends;
    const draft = { ...before, extra_backends: extra ? [{ ...extra, base_url: "http://other/v1" }] : [] };
    expect(changeOf(draft, before)).toEqual({
      extra_backends: [{ name: "local", backend: "vllm", base_url: "http://other/v1" }],
    });
  });

  it("becomes the whole client for a new one", () => {
    expect(wholeOf(draftOf(CLIENT))).toMatchObject({ name: "shop", model_aliases: { fast: "gpt-4o-mini" }, backend_api_key: "" });
  });
});

describe("two admins at once", () => {
  it("shows what differs, and what both changed", () => {
    const before = draftOf(CLIENT);
    const mine = { ...before, name: "mine", budget_usd_day: 5 };
    const theirs = { ...CLIENT, name: "theirs", log_bodies: true };
    expect(differences(mine, before, theirs).map(({ field, clash }) => [field, clash])).toEqual([
      ["name", true],
      ["budget_usd_day", false],
      ["log_bodies", false],
    ]);
  });
});

describe("fields and patterns", () => {
  it("finds the error of a part", () => {
    expect(errorOf({ "allowed_ips.1": "is no network" }, "allowed_ips")).toBe("is no network");
    expect(errorOf({ name: "taken" }, "allowed_ips")).toBeUndefined();
  });

  it.each([
    ["gpt-4o", "gpt-4o", true],
    ["gpt-4o", "gpt-4o-mini", false],
    ["gpt-4*", "gpt-4o-mini", true],
    ["*/llama.3", "meta/llama.3", true],
    ["*/llama.3", "meta/llamaX3", false],
  ])("%s lets %s through: %s", (pattern, model, allowed) => {
    expect(matches(pattern, model)).toBe(allowed);
  });
});
