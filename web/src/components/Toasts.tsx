/** Short notes at the page's corner, which screen readers say aloud. */

import { Notification } from "@mantine/core";
import { useSyncExternalStore } from "react";

import { Icon } from "@/components/Icon";

interface Toast {
  id: number;
  text: string;
  kind: "ok" | "bad";
}

const SHOWN_MS = 6000;
let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function close(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

export function notify(text: string, kind: Toast["kind"] = "ok"): void {
  const id = ++last;
  set([...toasts.slice(-3), { id, text, kind }]);
  setTimeout(() => close(id), SHOWN_MS);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="gw-toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <Notification
          key={toast.id}
          role="presentation"
          withBorder
          color={toast.kind === "ok" ? "teal" : "red"}
          icon={<Icon name={toast.kind === "ok" ? "check" : "warning"} />}
          onClose={() => close(toast.id)}
          closeButtonProps={{ "aria-label": "Close this note" }}
        >
          {toast.text}
        </Notification>
      ))}
    </div>
  );
}
