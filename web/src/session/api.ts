import { ApiError, call } from "@/api/http";
import { queryClient } from "@/api/queries";
import { session } from "@/session/store";

const RETRY_MS = 2000;

/** Who the browser is signed in as. A gateway that does not answer is asked again until it does. */
export async function loadSession(): Promise<void> {
  try {
    session.signedIn(await call("GET", "/session", { bare: true }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.signedOut();
    else setTimeout(() => void loadSession(), RETRY_MS);
  }
}

/** @throws ApiError */
export async function signIn(username: string, password: string): Promise<void> {
  const before = session.get();
  const next = await call("POST", "/session", { body: { username, password }, bare: true });
  // Another person's data is not shown to this one.
  if (before.kind === "expired" && before.session.user.id !== next.user.id) queryClient.clear();
  session.signedIn(next);
}

export async function signOut(): Promise<void> {
  try {
    await call("DELETE", "/session", { bare: true });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
  session.signedOut();
  queryClient.clear();
}
