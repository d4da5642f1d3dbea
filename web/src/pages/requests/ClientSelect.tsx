import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { queries } from "@/api/queries";
import { inertLine } from "@/lib/text";

const MOST = 20;
const TYPING_MS = 250;

/** One of maybe thousands of clients: the gateway searches, the list shows the first few. */
export function ClientSelect({
  value,
  onChange,
  label = "Client",
  required,
}: {
  value: string;
  onChange: (id: string) => void;
  label?: string;
  required?: boolean;
}) {
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search, TYPING_MS);
  const found = useQuery({ ...queries.clients({ q: asked, limit: MOST }), refetchInterval: false });
  const chosen = useQuery({ ...queries.client(value), enabled: value !== "" && !has(found.data?.items, value) });
  const options = (found.data?.items ?? []).map(({ id, name }) => ({ value: id, label: inertLine(name) }));
  if (value && !options.some((option) => option.value === value)) {
    options.unshift({ value, label: inertLine(chosen.data?.client.name ?? "deleted client") });
  }
  const label_ = options.find((option) => option.value === value)?.label;
  return (
    <Select
      label={label}
      placeholder={required ? "Pick a client" : "Any"}
      clearable={!required}
      searchable
      data={options}
      value={value || null}
      onChange={(id) => onChange(id ?? "")}
      onSearchChange={(text) => setSearch(text === label_ ? "" : text)}
      filter={({ options: all }) => all}
      nothingFoundMessage={found.isFetching ? "Searching" : "No client has this in its name"}
      withAsterisk={required}
    />
  );
}

function has(items: readonly { id: string }[] | undefined, id: string): boolean {
  return items?.some((item) => item.id === id) ?? false;
}
