/** The answers of the admin API by short names; times are ISO 8601, money USD, null where no price is known. */

import type { components } from "@/api/schema";

type Schemas = components["schemas"];

export type Session = Schemas["Session"];
export type Role = Session["user"]["role"];
export type OwnSession = Schemas["SessionInfo"];
export type User = Schemas["User"];
export type ApiToken = Schemas["Token"];
export type NewApiToken = Schemas["NewTokenSecret"];

export type Provider = Schemas["ProviderInfo"];
export type Discovered = Schemas["Discovered"];
export type Defaults = Schemas["Defaults"];
export type Circuit = Schemas["Circuit"];
export type Status = Schemas["Status"];
export type Setting = Schemas["Setting"];
export type AuditRow = Schemas["AuditEntry"];

export type Tools = Schemas["Tools"];
export type Tool = Schemas["Tool"];
export type ToolServer = Schemas["ToolServer"];
export type NewToolServer = Schemas["NewToolServer"];
export type ToolServerChange = Schemas["ToolServerChange"];
export type ToolCall = Schemas["ToolCall"];
export type ToolResult = Schemas["ToolResult"];
export type ToolPart = Schemas["ToolPart"];

export type LimitState = Schemas["LimitState"];
export type Client = Schemas["Client"];
export type ClientDetail = Schemas["ClientDetail"];
export type ClientSummary = Schemas["ClientSummary"];
export type ClientChange = Schemas["ClientChange"];
export type ClientCreated = Schemas["ClientCreated"];
export type ExtraBackend = Schemas["ExtraBackend"];
export type ExtraBackendInput = Schemas["ExtraBackendInput"];
export type NewClient = Schemas["NewClient"];
export type TestStep = Schemas["TestStep"];
export type TestResult = Schemas["ConnectionTest"];
export type Snippet = Schemas["Snippet"];

export type Totals = Schemas["Totals"];
export type Point = Schemas["Point"];
export type Series = Schemas["Series"];
export type TopModel = Schemas["TopModel"];
export type TopClient = Schemas["TopClient"];
export type RequestSummary = Schemas["RequestSummary"];
export type RequestDetail = Schemas["RequestDetail"];
export type Attempt = Schemas["Attempt"];
export type ToolRun = Schemas["ToolRun"];
export type Overview = Schemas["Overview"];
export type Delta = Schemas["Delta"];
export type Usage = Schemas["Usage"];
export type UsageRow = Schemas["UsageRow"];

/** A part of a list: the next one starts at the cursor, null after the last. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** The settings of a client as the form holds them: the secrets are kept beside it. */
export type ClientSettings = Omit<
  Client,
  | "id"
  | "etag"
  | "keys"
  | "key_tails"
  | "has_backend_api_key"
  | "created_at"
  | "updated_at"
  | "last_seen"
>;
