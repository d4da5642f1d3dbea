/** Small pieces of text that every page shows. */

import { count, fullMoment, ago, moment, money } from "@/lib/format";
import { inertBlock, inertLine } from "@/lib/text";

/** A name or another single line from outside, made inert. `cut` shortens it with an ellipsis. */
export function Plain({ text, cut, mono }: { text: string; cut?: boolean; mono?: boolean }) {
  const shown = inertLine(text);
  const classes = ["gw-plain", cut ? "gw-cut" : "", mono ? "gw-mono" : ""].join(" ").trim();
  return (
    <bdi className={classes} title={cut ? shown : undefined}>
      {shown}
    </bdi>
  );
}

export function Block({ text, wrap = true, label }: { text: string; wrap?: boolean; label: string }) {
  return (
    <pre className="gw-code" data-wrap={wrap || undefined} tabIndex={0} role="group" aria-label={label}>
      {inertBlock(text)}
    </pre>
  );
}

export function Cost({ usd, requests }: { usd: number | null; requests?: number }) {
  if (usd === null && requests === 0) return <span className="gw-num">$0</span>;
  if (usd === null) {
    return (
      <span className="gw-dim" title="No price is known for this model">
        unpriced
      </span>
    );
  }
  return (
    <span className="gw-num" title={`$${usd}`}>
      {money(usd)}
    </span>
  );
}

export function Num({ value }: { value: number }) {
  return <span className="gw-num">{count(value)}</span>;
}

export function When({ iso, relative }: { iso: string | null; relative?: boolean }) {
  if (iso === null) return <span className="gw-dim">never</span>;
  return (
    <time className="gw-num" dateTime={iso} title={`${fullMoment(iso)} your time, ${iso}`}>
      {relative ? ago(iso) : moment(iso)}
    </time>
  );
}
