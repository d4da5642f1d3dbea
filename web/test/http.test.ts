import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError, call } from "@/api/http";
import type { Session } from "@/api/types";
import { session } from "@/session/store";

const SESSION: Session = {
  user: { id: "u", username: "admin", role: "admin" },
  csrf_token: "token-1",
  expires_at: "2026-11-26T00:00:00Z",
  must_change_password: false,
  version: "1",
};

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

const UNAUTHENTICATED = { title: "Unauthorized", status: 401, detail: "Sign in.", code: "unauthenticated", errors: [] };

describe("the admin API", () => {
  const fetched = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();
  beforeEach(() => {
    vi.stubGlobal("fetch", fetched);
    session.signedIn(SESSION);
  });
  afterEach(() => {
    fetched.mockReset();
    vi.unstubAllGlobals();
    session.signedOut();
  });

  it("sends the CSRF token with what changes, the ETag where there is one, and paths that cannot be broken out of", async () => {
    fetched.mockResolvedValue(json(200, {}));
    await call("PATCH", "/clients/{client_id}", { path: { client_id: "a/../b" }, body: { name: "x" }, ifMatch: "7" });
    const [url, init] = fetched.mock.calls[0] ?? [];
    expect(url).toBe("/admin/api/v1/clients/a%2F..%2Fb");
    expect(init?.headers).toMatchObject({ "x-csrf-token": "token-1", "if-match": "7" });
  });

  it("leaves empty filters out", async () => {
    fetched.mockResolvedValue(json(200, { items: [], next_cursor: null }));
    await call("GET", "/requests", { query: { q: "", status: "5xx", cursor: undefined } });
    expect(fetched.mock.calls[0]?.[0]).toBe("/admin/api/v1/requests?status=5xx");
  });

  it("tells the errors of fields", async () => {
    const errors = [{ field: "base_url", message: "must be a URL" }];
    fetched.mockResolvedValue(json(422, { title: "Invalid", status: 422, detail: "One field is wrong.", code: "invalid", errors }));
    const failed = call("POST", "/users", { body: { username: "", password: "", role: "viewer" } });
    await expect(failed).rejects.toMatchObject({ status: 422, code: "invalid", fields: errors, message: "One field is wrong." });
  });

  it("says so where nothing answers", async () => {
    fetched.mockRejectedValue(new TypeError("Failed to fetch"));
    await expect(call("GET", "/status")).rejects.toMatchObject({ status: 0, code: "unreachable" });
  });

  it("tells how long a throttled sign-in has to wait", async () => {
    fetched.mockResolvedValue(json(429, { title: "Too many", code: "throttled" }, { "retry-after": "30" }));
    const failed = call("POST", "/session", { body: { username: "a", password: "b" }, bare: true });
    await expect(failed).rejects.toMatchObject({ retryAfterS: 30 });
  });

  it("waits for a new sign-in where the session has ended, and then goes on", async () => {
    fetched.mockResolvedValueOnce(json(401, UNAUTHENTICATED)).mockResolvedValueOnce(json(200, { version: "1" }));
    const answer = call("POST", "/clients/{client_id}/enable", { path: { client_id: "c" } });
    await vi.waitFor(() => expect(session.get().kind).toBe("expired"));
    session.signedIn({ ...SESSION, csrf_token: "token-2" });
    await expect(answer).resolves.toEqual({ version: "1" });
    expect(fetched.mock.calls[1]?.[1].headers).toMatchObject({ "x-csrf-token": "token-2" });
  });

  it("gives up where somebody leaves instead", async () => {
    fetched.mockResolvedValue(json(401, UNAUTHENTICATED));
    const answer = call("GET", "/status");
    await vi.waitFor(() => expect(session.get().kind).toBe("expired"));
    session.signedOut();
    await expect(answer).rejects.toBeInstanceOf(ApiError);
  });
});
