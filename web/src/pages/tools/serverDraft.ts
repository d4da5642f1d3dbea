/** The content of the form of an MCP server. */

import type { NewToolServer, ToolServer, ToolServerChange } from "@/api/types";

export interface HeaderDraft {
  id: number;
  name: string;
  /** undefined: a stored one, which is kept. */
  value: string | undefined;
}

export interface ServerDraft {
  name: string;
  url: string;
  headers: HeaderDraft[];
  timeout_seconds: number | null;
  tools: string[];
}

let lastId = 0;

export function newHeader(name = ""): HeaderDraft {
  return { id: ++lastId, name, value: "" };
}

const EMPTY: ServerDraft = { name: "", url: "", headers: [], timeout_seconds: null, tools: [] };

export function draftOf(server?: ToolServer): ServerDraft {
  if (!server) return EMPTY;
  const { name, url, header_names, timeout_seconds, tools } = server;
  const headers = header_names.map((header): HeaderDraft => ({ ...newHeader(header), value: undefined }));
  return { name, url: url ?? "", headers, timeout_seconds, tools };
}

export function wholeOf(draft: ServerDraft): NewToolServer {
  const filled = draft.headers.filter(({ name }) => name.trim());
  return {
    name: draft.name.trim(),
    url: draft.url.trim(),
    headers: Object.fromEntries(filled.map(({ name, value }) => [name.trim(), value ?? ""])),
    timeout_seconds: draft.timeout_seconds,
    tools: draft.tools,
  };
}

/** Headers: only those that were typed, and null for those that are gone. */
export function changeOf(draft: ServerDraft, before: ToolServer): ToolServerChange {
  const headers: Record<string, string | null> = {};
  const names = draft.headers.map(({ name }) => name.trim());
  for (const name of before.header_names) if (!names.includes(name)) headers[name] = null;
  for (const { name, value } of draft.headers) if (name.trim() && value !== undefined) headers[name.trim()] = value;
  return {
    url: draft.url.trim(),
    timeout_seconds: draft.timeout_seconds,
    tools: draft.tools,
    ...(Object.keys(headers).length > 0 && { headers }),
  };
}
