/** Asking a provider before anything is saved: does it answer, and which models has it? */

import { useMutation } from "@tanstack/react-query";

import { call } from "@/api/http";

export interface BackendQuestion {
  backend: string;
  base_url: string;
  /** undefined: the stored one of `client_id`. */
  backend_api_key?: string | undefined;
  client_id?: string | undefined;
}

function body({ backend, base_url, backend_api_key, client_id }: BackendQuestion) {
  const stored = backend_api_key === undefined ? (client_id ?? null) : null;
  return { backend, base_url, backend_api_key: backend_api_key ?? "", client_id: stored };
}

export function useConnectionTest() {
  return useMutation({
    mutationFn: ({ model, ...question }: BackendQuestion & { model: string }) =>
      call("POST", "/test-connection", { body: { ...body(question), model: model || null } }),
  });
}

export function useFetchModels() {
  return useMutation({
    mutationFn: (question: BackendQuestion) =>
      call("POST", "/fetch-models", { body: body(question) }),
  });
}
