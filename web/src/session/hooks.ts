import { useSyncExternalStore } from "react";

import type { Session } from "@/api/types";
import type { SessionState } from "@/session/store";
import { session } from "@/session/store";

export function useSessionState(): SessionState {
  return useSyncExternalStore(session.subscribe, session.get);
}

/** The session of the pages behind the sign-in: they are not shown without one. */
export function useSession(): Session {
  const state = useSessionState();
  if (state.kind === "signed-in" || state.kind === "expired") return state.session;
  throw new Error("no session");
}

export function useIsAdmin(): boolean {
  return useSession().user.role === "admin";
}
