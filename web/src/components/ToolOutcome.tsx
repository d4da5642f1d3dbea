import { Badge } from "@mantine/core";

import { Plain } from "@/components/Text";
import { inertLine } from "@/lib/text";

const WORDS: Record<string, string> = {
  unknown_tool: "No such tool",
  invalid_arguments: "Wrong arguments",
  failed: "Failed",
  timeout: "Timed out",
  unavailable: "Server away",
  cancelled: "Cancelled",
};

/** How a run of a tool went. */
export function ToolOutcome({ error }: { error: string | null }) {
  if (error === null) return <Badge color="teal">OK</Badge>;
  return <Badge color={error === "cancelled" ? "gray" : "red"}>{WORDS[error] ?? inertLine(error)}</Badge>;
}

/** A tool's name, and the MCP server that has it. */
export function ToolName({ name, server }: { name: string; server: string | null }) {
  return (
    <>
      <Plain text={name} mono cut />
      <div className="gw-dim">{server === null ? "built in" : <Plain text={server} cut />}</div>
    </>
  );
}
