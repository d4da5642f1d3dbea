import type { LimitState } from "@/api/types";
import { span } from "@/lib/format";
import { fill, level, limitAmount, limitKind } from "@/lib/limits";

const WORDS = { ok: "", near: "nearly reached", reached: "reached" } as const;

/** One limit: what is used, held by requests in flight, and left. `slim` is for tables. */
export function LimitMeter({ limit, slim }: { limit: LimitState; slim?: boolean }) {
  const kind = limitKind(limit.name);
  const state = level(limit);
  const used = limitAmount(limit.name, limit.used);
  const most = limitAmount(limit.name, limit.limit);
  return (
    <div style={{ minWidth: slim ? 130 : undefined }}>
      <div style={{ display: "flex", justifyContent: "space-between", gap: 10, whiteSpace: "nowrap", fontSize: slim ? "0.78rem" : "0.875rem" }}>
        <span className={slim ? "gw-dim" : undefined} style={slim ? { fontSize: "inherit" } : { fontWeight: 600 }}>
          {slim ? kind.short : kind.title}
        </span>
        <span className="gw-num">
          {used} of {most}
        </span>
      </div>
      <div
        className="gw-meter"
        data-level={state}
        role="meter"
        aria-label={`${kind.title}: ${used} of ${most} ${kind.unit}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(fill(limit) * 100)}
        style={{ marginTop: 3 }}
      >
        <i style={{ width: `${share(limit.used, limit)}%` }} />
        <i className="held" style={{ width: `${share(limit.held, limit)}%` }} />
      </div>
      {!slim && <Footnote limit={limit} word={WORDS[state]} />}
      {slim && WORDS[state] && (
        <span style={{ fontSize: "0.75rem", color: `var(--gw-${state === "near" ? "near" : "bad"})` }}>{WORDS[state]}</span>
      )}
    </div>
  );
}

function Footnote({ limit, word }: { limit: LimitState; word: string }) {
  const left = limitAmount(limit.name, Math.max(0, limit.remaining));
  const held = limit.held > 0 ? `, ${limitAmount(limit.name, limit.held)} held by requests in flight` : "";
  const reset = limit.resets_in_s !== null && limit.resets_in_s > 0 ? `, resets in ${span(limit.resets_in_s)}` : "";
  return (
    <div className="gw-dim" style={{ fontSize: "0.8rem", marginTop: 2 }}>
      {word && <strong style={{ color: `var(--gw-${word === "reached" ? "bad" : "near"})` }}>{word}: </strong>}
      {left} left{held}
      {reset}
    </div>
  );
}

function share(value: number, limit: LimitState): number {
  return limit.limit > 0 ? Math.min(100, (value / limit.limit) * 100) : 0;
}
