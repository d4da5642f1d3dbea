// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { queryClient } from "@/api/queries";
import type { Tool, ToolServer, Tools } from "@/api/types";
import { fieldsOf, read, readObject } from "@/lib/schemaForm";
import { Result } from "@/pages/tools/Result";
import { changeOf, draftOf, newHeader, wholeOf } from "@/pages/tools/serverDraft";
import { Servers } from "@/pages/tools/Servers";
import { ToolList } from "@/pages/tools/ToolList";
import { TryIt } from "@/pages/tools/TryIt";

let role = "admin";
vi.mock("@/session/hooks", () => ({ useIsAdmin: () => role === "admin" }));

// Text fields that grow ask for it; this document has none.
Object.defineProperty(document, "fonts", { value: new EventTarget() });

beforeEach(() => {
  role = "admin";
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function show(what: ReactNode) {
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={queryClient}>{what}</QueryClientProvider>
    </MantineProvider>,
  );
}

const SCHEMA = {
  type: "object",
  required: ["words", "limit"],
  properties: {
    words: { type: "string", description: "what to look for" },
    limit: { anyOf: [{ type: "integer" }, { type: "null" }], default: 10 },
    share: { type: ["number", "null"] },
    exact: { type: "boolean" },
    sort: { enum: ["price", "name"], default: "price" },
    where: { type: "object" },
    either: { anyOf: [{ type: "string" }, { type: "integer" }] },
  },
};

describe("a form from a schema", () => {
  it("has a plain field for each plain argument, and JSON for the others", () => {
    const fields = fieldsOf(SCHEMA) ?? [];
    expect(fields.map(({ name, kind, required }) => `${name} ${kind}${required ? "!" : ""}`)).toEqual([
      "words text!",
      "limit integer!",
      "share number",
      "exact boolean",
      "sort choice",
      "where json",
      "either json",
    ]);
    expect(fields[4]).toMatchObject({ options: ['"price"', '"name"'], fallback: '"price"' });
  });

  it.each([
    [{ type: "object", properties: {} }, []],
    [{ type: "object" }, []],
    [{ $ref: "#/$defs/A", $defs: { A: {} } }, null],
    [{ type: "object", additionalProperties: { type: "string" } }, null],
  ])("of %j", (schema, fields) => {
    expect(fieldsOf(schema)).toEqual(fields);
  });

  it("reads what was typed, and leaves out what was not", () => {
    const fields = fieldsOf(SCHEMA) ?? [];
    expect(read(fields, { words: "tea", limit: "3", exact: "false", sort: '"name"', where: '{"a": 1}' })).toEqual({
      args: { words: "tea", limit: 3, exact: false, sort: "name", where: { a: 1 } },
      errors: {},
    });
    expect(read(fields, { limit: "1.5", share: "x", where: "{" }).errors).toEqual({
      limit: "A whole number",
      share: "A number",
      where: "Not valid JSON",
    });
    expect(read(fields, {})).toEqual({ args: { words: "" }, errors: { limit: "Needed" } });
  });

  it.each([
    ['{"a": 1}', { args: { a: 1 }, errors: {} }],
    ["", { args: {}, errors: {} }],
    ["[1]", { args: {}, errors: { "": "An object: {...}" } }],
    ["{", { args: {}, errors: { "": "Not valid JSON" } }],
  ])("reads all arguments at once: %s", (text, found) => {
    expect(readObject(text)).toEqual(found);
  });
});

const TOOL: Tool = {
  name: "shop__find",
  description: "Find <b>articles</b>.\n\nThe newest.",
  parameters: SCHEMA,
  server: "shop",
  on: true,
  available: true,
  fixed: false,
};

const SERVER: ToolServer = {
  name: "shop",
  transport: "http",
  origin: "database",
  on: true,
  fixed: false,
  editable: true,
  state: "ready",
  since: "2026-01-01T00:00:00Z",
  error: null,
  next_try_at: null,
  about: "shop 1.2",
  url: "https://shop.example/mcp",
  command: null,
  header_names: ["X-Key", "X-Old"],
  timeout_seconds: null,
  tools: [],
  tool_count: 3,
  warnings: [],
};

/** Answers every call; returns what was sent. */
function answering(body: unknown, status = 200): { url: string; method: string; body: unknown }[] {
  const sent: { url: string; method: string; body: unknown }[] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    sent.push({ url, method: init.method ?? "GET", body: typeof init.body === "string" ? JSON.parse(init.body) : null });
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  return sent;
}

describe("trying a tool", () => {
  it("sends the arguments that were typed and shows what came back", async () => {
    const sent = answering({ error: null, duration_ms: 12, parts: [{ type: "text", text: '{"price": 3}' }] });
    show(<TryIt tool={TOOL} close={() => undefined} />);
    await userEvent.type(screen.getByLabelText(/words/), "tea");
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    expect(screen.getByText("Needed")).toBeTruthy();
    expect(sent).toEqual([]);
    await userEvent.type(screen.getByLabelText(/limit/), "2");
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    expect((await screen.findByLabelText("What it says")).textContent).toBe('{\n  "price": 3\n}');
    expect(sent[0]).toEqual({
      url: "/admin/api/v1/tools/shop__find/call",
      method: "POST",
      body: { arguments: { words: "tea", limit: 2 } },
    });
  });

  it("takes what was typed along into JSON, and says what the model would be told of a failure", async () => {
    answering({ error: "failed", duration_ms: 1, parts: [{ type: "text", text: "there is none" }] });
    show(<TryIt tool={{ ...TOOL, parameters: { type: "object", properties: { words: { type: "string" } } } }} close={() => undefined} />);
    await userEvent.type(screen.getByLabelText("words"), "tea");
    await userEvent.click(screen.getByRole("switch", { name: "Write the arguments as JSON" }));
    expect(screen.getByLabelText<HTMLTextAreaElement>("Arguments").value).toBe('{\n  "words": "tea"\n}');
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    expect(await screen.findByText("The model would be told:")).toBeTruthy();
    expect(screen.getByText("there is none")).toBeTruthy();
  });

  it("draws pictures that cannot do anything, and tells of other files", () => {
    show(
      <Result
        parts={[
          { type: "image", media_type: "image/png", data: "iVBORw0KGgo=" },
          { type: "image", media_type: "image/svg+xml", data: "PHN2Zz4=" },
        ]}
      />,
    );
    expect(document.querySelectorAll("img")).toHaveLength(1);
    expect(screen.getByText("image/svg+xml")).toBeTruthy();
  });
});

describe("the list of tools", () => {
  const answer: Tools = { tools: [TOOL, { ...TOOL, name: "get_time", server: null, on: false, available: false }], servers: [SERVER], gateway_clients: 1, timeout_seconds: 30 };

  it("makes nothing of HTML in a description, and switches", async () => {
    const sent = answering({});
    show(<ToolList answer={answer} />);
    expect(screen.getAllByText("Find <b>articles</b>.")).toHaveLength(2);
    expect(screen.getByText("Off")).toBeTruthy();
    await userEvent.click(screen.getByRole("switch", { name: "get_time is on" }));
    expect(sent[0]).toEqual({ url: "/admin/api/v1/tools/get_time", method: "PATCH", body: { on: true } });
  });

  it("shows a viewer no controls", () => {
    role = "viewer";
    show(
      <>
        <ToolList answer={answer} />
        <Servers servers={[SERVER]} timeout={30} />
      </>,
    );
    expect(screen.queryAllByRole("switch")).toEqual([]);
    expect(screen.queryAllByRole("button")).toEqual([]);
  });
});

describe("MCP servers", () => {
  it("tell why they are away, and can be tried again", async () => {
    const sent = answering(null, 204);
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
      sent.push({ url, method: init.method ?? "", body: null });
      return Promise.resolve(new Response(null, { status: 204 }));
    });
    const away: ToolServer = { ...SERVER, state: "failed", error: "it answered with HTTP status 401", editable: false, origin: "config" };
    show(<Servers servers={[away]} timeout={30} />);
    const row = within(screen.getByRole("group", { name: "MCP servers" }));
    expect(row.getByText("it answered with HTTP status 401")).toBeTruthy();
    expect(row.queryByRole("button", { name: "Change shop" })).toBeNull();
    await userEvent.click(row.getByRole("button", { name: "Try again: shop" }));
    expect(sent[0]?.url).toBe("/admin/api/v1/tools/servers/shop/reconnect");
  });

  it("keep stored headers, unless they are typed or removed", () => {
    const draft = draftOf(SERVER);
    expect(changeOf(draft, SERVER)).toEqual({ url: SERVER.url, timeout_seconds: null, tools: [] });
    const [kept] = draft.headers;
    const headers = [...(kept ? [kept] : []), { ...newHeader("Authorization"), value: "Bearer k" }];
    expect(changeOf({ ...draft, headers }, SERVER).headers).toEqual({ "X-Old": null, Authorization: "Bearer k" });
    expect(wholeOf({ ...draftOf(), name: " a ", url: " https://h/mcp ", headers: [newHeader()] })).toEqual({
      name: "a",
      url: "https://h/mcp",
      headers: {},
      timeout_seconds: null,
      tools: [],
    });
  });
});
