/** What was typed for a client that is gone, on its way to the form of a new one. */

import type { Draft } from "@/pages/clients/draft";

let carried: Draft | null = null;

export function carry(draft: Draft): void {
  carried = draft;
}

/** Peeks first, since React may ask twice; forgotten a moment later. */
export function takeCarried(): Draft | null {
  const draft = carried;
  queueMicrotask(() => {
    carried = null;
  });
  return draft;
}
