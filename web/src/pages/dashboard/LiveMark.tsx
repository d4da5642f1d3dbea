import { useEffect, useState } from "react";

import { span } from "@/lib/format";
import type { FeedState } from "@/live/feed";

/** Whether what stands here is now. The age counts while the connection is lost. */
export function LiveMark({ state }: { state: FeedState }) {
  const now = useSeconds(state.status === "stale");
  const words = {
    connecting: "Connecting",
    live: "Live",
    stale: state.heardAt === null ? "Not connected" : `Last heard ${span((now - state.heardAt) / 1000)} ago`,
  }[state.status];
  const kind = { connecting: undefined, live: "ok", stale: "near" }[state.status];
  return (
    <span style={{ display: "inline-flex", alignItems: "center", gap: 8 }} className="gw-dim">
      <span className="gw-dot" data-kind={kind} aria-hidden="true" />
      <span aria-live={state.status === "stale" ? "off" : "polite"}>{words}</span>
    </span>
  );
}

function useSeconds(ticking: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}
