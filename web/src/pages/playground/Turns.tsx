import { Alert, Loader } from "@mantine/core";
import { useEffect, useRef } from "react";
import { Link } from "wouter";

import { Icon } from "@/components/Icon";
import { Cost } from "@/components/Text";
import { count, duration } from "@/lib/format";
import { inertBlock } from "@/lib/text";
import type { Turn } from "@/pages/playground/useChat";

/** Model output is text and nothing else: no HTML, no images that would be fetched. */
export function Turns({ turns }: { turns: readonly Turn[] }) {
  const end = useRef<HTMLDivElement>(null);
  const length = turns.at(-1)?.content.length ?? 0;
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [turns.length, length]);
  return (
    <div className="gw-chat" role="log" aria-label="Conversation">
      {turns.map((turn) => (
        <article key={turn.id} className="gw-turn" data-role={turn.role} aria-label={turn.role === "user" ? "You" : "Model"}>
          <strong className="gw-dim">{turn.role === "user" ? "You" : "Model"}</strong>
          {turn.reasoning && (
            <details>
              <summary className="gw-dim">Reasoning</summary>
              <pre className="gw-dim">{inertBlock(turn.reasoning)}</pre>
            </details>
          )}
          <pre>{inertBlock(turn.content)}</pre>
          {turn.state === "running" && <Loader size="xs" aria-label="Answering" />}
          {turn.state === "failed" && (
            <Alert color="red" variant="light" mt="xs" icon={<Icon name="warning" />} role="alert">
              {inertBlock(turn.problem ?? "")}
            </Alert>
          )}
          {turn.role === "assistant" && turn.state !== "running" && <Took turn={turn} />}
        </article>
      ))}
      <div ref={end} />
    </div>
  );
}

function Took({ turn }: { turn: Turn }) {
  const { row } = turn;
  if (turn.state === "stopped") return <div className="gw-dim">Stopped. What came before it is counted.</div>;
  if (!row) {
    if (turn.state === "failed" || row === null) return null;
    return <div className="gw-dim">Counting…</div>;
  }
  return (
    <div className="gw-dim" style={{ marginTop: 8, display: "flex", flexWrap: "wrap", gap: "2px 16px" }} data-testid="took">
      <span>
        {count(row.input_tokens)} tokens in, {count(row.output_tokens)} out{row.usage_estimated && " (estimated)"}
      </span>
      <span>
        <Cost usd={row.cost_usd} />
      </span>
      <span>
        first byte {duration(row.ttfb_ms)}, all {duration(row.latency_ms)}
      </span>
      <Link href={`/requests/${row.id}`}>Details</Link>
    </div>
  );
}
