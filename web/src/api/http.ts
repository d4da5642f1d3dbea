/** The way to the admin API: CSRF token, problem details, and a session that ends while somebody works. */

import { session } from "@/session/store";

export interface FieldProblem {
  field: string;
  message: string;
}

/** An answer other than 2xx, or none at all (status 0). */
export class ApiError extends Error {
  override name = "ApiError";

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
  body?: unknown;
  ifMatch?: string;
  signal?: AbortSignal;
  /** A 401 is an answer like any other: for signing in itself. */
  bare?: boolean;
}

type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

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
export async function request(method: Method, path: string, options: Options = {}): Promise<Response> {
  const url = address(path, options.query);
  for (;;) {
    const response = await attempt(method, url, options);
    if (response.ok) return response;
    const error = await problem(response);
    if (error.status !== 401 || options.bare) throw error;
    if (!(await session.renewed(options.signal))) throw error;
  }
}

/** @throws ApiError */
export async function call<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const response = await request(method, path, options);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
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
