/** Filters that live in the address: they survive a reload, can be sent to somebody, and go back. */

import { useSearchParams } from "wouter";

export interface Filters<Name extends string> {
  values: Record<Name, string>;
  set: (change: Partial<Record<Name, string>>) => void;
  /** The same for the same filters. */
  key: string;
}

export function useFilters<Name extends string>(names: readonly Name[]): Filters<Name> {
  const [search, setSearch] = useSearchParams();
  const values = Object.fromEntries(names.map((name) => [name, search.get(name) ?? ""])) as Record<Name, string>;
  const set = (change: Partial<Record<Name, string>>) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(change)) {
          if (typeof value === "string" && value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace: true },
    );
  return { values, set, key: names.map((name) => values[name]).join("\u0000") };
}
