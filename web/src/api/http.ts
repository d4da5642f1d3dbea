/** The way to the admin API: CSRF token, problem details, and a session that ends while somebody works. */

import type { Answer, Ask, Method, PathWith } from "@/api/operations";
import { session } from "@/session/store";

export interface FieldProblem {
  field: string;
  message: string;
}

/** An answer other than 2xx, or none at all (status 0). */
export class ApiError extends Error {
  override name = "ApiError";
  /** What only has the same members is none: the compiler refuses it for a member that is not public. */
  declare protected readonly made: true;

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: readonly FieldProblem[] = [],
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

export const BASE = "/admin/api/v1";

export type Query = Record<string, string | number | boolean | null | undefined>;

interface Options {
  query?: Query;
  path?: Record<string, string>;
  body?: unknown;
  ifMatch?: string;
  signal?: AbortSignal;
  /** A 401 is an answer like any other: for signing in itself. */
  bare?: boolean;
}

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return BASE + path + (text ? `?${text}` : "");
}

/**
 * The raw answer, always 2xx. A session that has ended opens the sign-in dialog, and the call goes on
 * after it.
 *
 * @throws ApiError
 */
export function request<M extends Method, P extends PathWith<M>>(
  method: M,
  path: P,
  ...[ask]: Ask<P, M>
): Promise<Response> {
  return send(method, path, (ask ?? {}) as Options);
}

async function send(method: Method, path: string, options: Options): Promise<Response> {
  const url = address(filled(path, options.path ?? {}), options.query);
  for (;;) {
    const response = await attempt(method, url, options);
    if (response.ok) return response;
    const error = await problem(response);
    if (error.status !== 401 || options.bare) throw error;
    if (!(await session.renewed(options.signal))) throw error;
  }
}

/** `/clients/{client_id}` with its id. */
function filled(path: string, values: Record<string, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}

/** @throws ApiError */
export async function call<M extends Method, P extends PathWith<M>>(
  method: M,
  path: P,
  ...[ask]: Ask<P, M>
): Promise<Answer<P, M>> {
  const response = await send(method, path, (ask ?? {}) as Options);
  if (response.status === 204) return undefined as Answer<P, M>;
  try {
    return (await response.json()) as Answer<P, M>;
  } catch {
    throw new ApiError(response.status, "broken_answer", "The gateway's answer could not be read.");
  }
}

async function attempt(method: Method, url: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.ifMatch) headers["if-match"] = options.ifMatch;
  const token = session.csrfToken();
  if (method !== "GET" && token) headers["x-csrf-token"] = token;
  try {
    return await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The gateway does not answer. Is it running?");
  }
}

interface Problem {
  title?: string;
  detail?: string;
  code?: string;
  errors?: FieldProblem[];
}

async function problem(response: Response): Promise<ApiError> {
  const wait = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAfter = Number.isNaN(wait) ? null : wait;
  let told: Problem;
  try {
    told = (await response.json()) as Problem;
  } catch {
    told = {};
  }
  const message = told.detail ?? told.title ?? `The gateway answered ${response.status}.`;
  return new ApiError(response.status, told.code ?? "", message, told.errors ?? [], retryAfter);
}

/** What to tell a person about any failure. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong.";
}
