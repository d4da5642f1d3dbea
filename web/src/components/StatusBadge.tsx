import { Badge } from "@mantine/core";

import { inertLine } from "@/lib/text";

/** An HTTP status by its kind; the code of the error in words where there is one. */
export function StatusBadge({ status, error }: { status: number; error?: string | null }) {
  const ok = status >= 200 && status < 400 && !error;
  const color = ok ? "teal" : status === 429 ? "orange" : "red";
  return (
    <Badge color={color} title={error ? inertLine(error) : undefined}>
      {status}
      {error ? ` ${inertLine(error)}` : ""}
    </Badge>
  );
}

function isPast(iso: string): boolean {
  return new Date(iso).getTime() < Date.now();
}

export function ClientState({ active, expiresAt }: { active: boolean; expiresAt: string | null }) {
  if (!active) return <Badge color="gray">Disabled</Badge>;
  if (expiresAt && isPast(expiresAt)) return <Badge color="orange">Expired</Badge>;
  return <Badge color="teal">Active</Badge>;
}
