/** What pages ask for, under one key each; a change tells which keys it made old. */

import { keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";

import type { Query } from "@/api/http";
import { ApiError, call } from "@/api/http";
import type { Ask, PathWith } from "@/api/operations";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
      networkMode: "always", // a gateway on this machine answers without any network
    },
    mutations: { networkMode: "always" },
  },
});

type Get = PathWith<"GET">;

function get<P extends Get>(key: string, path: P, ask?: Ask<P, "GET">[0]) {
  return queryOptions({
    queryKey: [key, path, ask],
    // The options of one address, with the signal that each of them takes.
    queryFn: ({ signal }) => call("GET", path, ...([{ ...ask, signal }] as unknown as Ask<P, "GET">)),
  });
}

const LONG_MS = 5 * 60_000;

export const queries = {
  providers: () => ({ ...get("meta", "/providers"), staleTime: LONG_MS }),
  defaults: () => ({ ...get("meta", "/defaults"), staleTime: LONG_MS }),
  discover: () => get("discover", "/discover"),
  status: () => ({ ...get("status", "/status"), refetchInterval: 5_000 }),
  settings: () => get("settings", "/settings"),
  tools: () => ({ ...get("tools", "/tools"), refetchInterval: 3_000 }),
  toolCalls: () => ({ ...get("toolCalls", "/tools/calls"), refetchInterval: 5_000 }),
  clients: (query: Query) => ({
    ...get("clients", "/clients", { query }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  }),
  client: (id: string) => get("client", "/clients/{client_id}", { path: { client_id: id } }),
  snippets: (id: string) => get("client", "/clients/{client_id}/snippets", { path: { client_id: id } }),
  series: (query: Query) => ({ ...get("series", "/series", { query }), placeholderData: keepPreviousData }),
  requests: (query: Query) => ({
    ...get("requests", "/requests", { query }),
    placeholderData: keepPreviousData,
  }),
  request: (id: string) => get("request", "/requests/{request_id}", { path: { request_id: id } }),
  usage: (query: Query) => ({ ...get("usage", "/usage", { query }), placeholderData: keepPreviousData }),
  audit: (query: Query) => ({ ...get("audit", "/audit", { query }), placeholderData: keepPreviousData }),
  users: () => get("users", "/users"),
  tokens: () => get("tokens", "/tokens"),
  sessions: (user: string) => get("sessions", "/sessions", { query: { user } }),
};

export function forget(...keys: string[]): Promise<unknown> {
  return Promise.all(keys.map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
}
