/** What pages ask for, under one key each; a change tells which keys it made old. */

import { keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";

import type { Query } from "@/api/http";
import { ApiError, call } from "@/api/http";
import type {
  ApiToken,
  AuditRow,
  ClientDetail,
  ClientSummary,
  Defaults,
  Discovered,
  OwnSession,
  Page,
  Provider,
  RequestDetail,
  RequestSummary,
  Series,
  Setting,
  Snippet,
  Status,
  Tools,
  Usage,
  User,
} from "@/api/types";

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

function get<T>(key: string, path: string, query: Query = {}) {
  return queryOptions({
    queryKey: [key, path, query],
    queryFn: ({ signal }) => call<T>("GET", path, { query, signal }),
  });
}

const LONG_MS = 5 * 60_000;

export const queries = {
  providers: () => ({ ...get<{ items: Provider[] }>("meta", "/providers"), staleTime: LONG_MS }),
  defaults: () => ({ ...get<Defaults>("meta", "/defaults"), staleTime: LONG_MS }),
  discover: () => get<{ items: Discovered[] }>("discover", "/discover"),
  status: () => ({ ...get<Status>("status", "/status"), refetchInterval: 5_000 }),
  settings: () => get<{ items: Setting[]; config_path: string }>("settings", "/settings"),
  tools: () => get<Tools>("tools", "/tools"),
  clients: (query: Query) => ({
    ...get<Page<ClientSummary>>("clients", "/clients", query),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  }),
  client: (id: string) => get<ClientDetail>("client", `/clients/${id}`),
  snippets: (id: string) => get<{ items: Snippet[] }>("client", `/clients/${id}/snippets`),
  series: (query: Query) => ({ ...get<Series>("series", "/series", query), placeholderData: keepPreviousData }),
  requests: (query: Query) => ({
    ...get<Page<RequestSummary>>("requests", "/requests", query),
    placeholderData: keepPreviousData,
  }),
  request: (id: string) => get<RequestDetail>("request", `/requests/${id}`),
  usage: (query: Query) => ({ ...get<Usage>("usage", "/usage", query), placeholderData: keepPreviousData }),
  audit: (query: Query) => ({ ...get<Page<AuditRow>>("audit", "/audit", query), placeholderData: keepPreviousData }),
  users: () => get<{ items: User[] }>("users", "/users"),
  tokens: () => get<{ items: ApiToken[] }>("tokens", "/tokens"),
  sessions: () => get<{ items: OwnSession[] }>("sessions", "/sessions"),
};

export function forget(...keys: string[]): Promise<unknown> {
  return Promise.all(keys.map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
}
