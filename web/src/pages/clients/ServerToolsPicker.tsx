import { useQuery } from "@tanstack/react-query";

import { queries } from "@/api/queries";
import { NamePicker } from "@/components/NamePicker";

const WORDS = {
  label: "Server tools",
  description: "Those that are off, or whose server is away, are not offered.",
  every: "Every tool",
  nothing: "Nothing is picked, so every tool is offered",
  search: "Search tools, or type a name or a pattern",
  placeholder: "Search, or type a name or a pattern such as docs__*",
  group: "Tools of the gateway",
  none: "The gateway has no tools yet. Names and patterns can be typed all the same.",
  noMatch: "No tool has this in its name. Enter adds it all the same.",
};

interface Props {
  /** Exact names and patterns; empty: every tool. */
  value: string[];
  onChange: (value: string[]) => void;
  error: string | undefined;
}

/** Which of the gateway's tools a client's models get: all of a server are `SERVER__*`. */
export function ServerToolsPicker({ value, onChange, error }: Props) {
  const { data } = useQuery({ ...queries.tools(), refetchInterval: false });
  const servers = (data?.servers ?? []).map(({ name }) => `${name}__*`);
  const names = [...servers, ...(data?.tools ?? []).map(({ name }) => name)];
  return <NamePicker words={WORDS} value={value} onChange={onChange} names={names} error={error} />;
}
