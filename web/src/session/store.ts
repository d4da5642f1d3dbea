/** Who is signed in. Lives outside of React, since the API client asks it too. */

import type { Session } from "@/api/types";

export type SessionState =
  | { kind: "unknown" }
  | { kind: "signed-out" }
  | { kind: "signed-in"; session: Session }
  /** The session ended under the page: its content stays, the sign-in dialog stands over it. */
  | { kind: "expired"; session: Session };

type Listener = () => void;

class SessionStore {
  private state: SessionState = { kind: "unknown" };
  private readonly listeners = new Set<Listener>();
  private waiting: ((signedIn: boolean) => void)[] = [];

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly get = (): SessionState => this.state;

  csrfToken(): string {
    return this.state.kind === "signed-in" ? this.state.session.csrf_token : "";
  }

  signedIn(session: Session): void {
    this.set({ kind: "signed-in", session });
    this.release(true);
  }

  signedOut(): void {
    this.set({ kind: "signed-out" });
    this.release(false);
  }

  expired(): void {
    if (this.state.kind === "signed-in") this.set({ kind: "expired", session: this.state.session });
  }

  /** After a 401: opens the dialog, and resolves when somebody has signed in (true) or gave up (false). */
  renewed(signal?: AbortSignal): Promise<boolean> {
    if (this.state.kind === "unknown" || this.state.kind === "signed-out") return Promise.resolve(false);
    this.expired();
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      signal?.addEventListener("abort", () => reject(new DOMException("Aborted", "AbortError")), {
        once: true,
      });
    });
  }

  private release(signedIn: boolean): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve(signedIn);
  }

  private set(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

export const session = new SessionStore();
