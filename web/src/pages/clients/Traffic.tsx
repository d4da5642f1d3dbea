import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { queries } from "@/api/queries";
import { COST_SERIES, costPoints, REQUEST_SERIES, requestPoints, TOKEN_SERIES, tokenPoints } from "@/charts/traffic";
import { TimeChart } from "@/charts/TimeChart";
import { Card } from "@/components/Page";
import { Load } from "@/components/States";
import { compact, money } from "@/lib/format";

const REFRESH_MS = 15_000;
const RANGES = {
  hour: { label: "1 hour", seconds: 3600, step: "minute" },
  day: { label: "24 hours", seconds: 86_400, step: "hour" },
  month: { label: "30 days", seconds: 30 * 86_400, step: "day" },
} as const;
type Range = keyof typeof RANGES;
const SPANS = (["hour", "day", "month"] as const).map((value) => ({ value, label: RANGES[value].label }));
const WHATS = [
  { value: "requests" as const, label: "Requests" },
  { value: "tokens" as const, label: "Tokens" },
  { value: "cost" as const, label: "Cost" },
];
type What = (typeof WHATS)[number]["value"];

/** Whole steps back from now, so that the question stays the same within one. */
function since(range: Range): string {
  const { seconds, step } = RANGES[range];
  const width = { minute: 60, hour: 3600, day: 86_400 }[step];
  const end = Math.ceil(Date.now() / 1000 / width) * width;
  return new Date((end - seconds) * 1000).toISOString();
}

export function Traffic({ clientId }: { clientId: string }) {
  const [range, setRange] = useState<Range>("hour");
  const [what, setWhat] = useState<What>("requests");
  const { step, label } = RANGES[range];
  const series = useQuery({
    ...queries.series({ client: clientId, from: since(range), step }),
    refetchInterval: REFRESH_MS,
  });
  return (
    <Card
      title="Over time"
      aside={
        <div style={{ display: "flex", gap: 8, flexWrap: "wrap" }}>
          <SegmentedControl
            size="xs"
            aria-label="What"
            data={WHATS}
            value={what}
            onChange={(value) => setWhat(value)}
          />
          <SegmentedControl
            size="xs"
            aria-label="Time range"
            data={SPANS}
            value={range}
            onChange={(value) => setRange(value)}
          />
        </div>
      }
    >
      <Load query={series} rows={3}>
        {({ points, step_s }) =>
          what === "requests" ? (
            <TimeChart
              label={`Requests, ${label}`}
              series={REQUEST_SERIES}
              points={requestPoints(points, step_s)}
              format={compact}
            />
          ) : what === "tokens" ? (
            <TimeChart label={`Tokens, ${label}`} series={TOKEN_SERIES} points={tokenPoints(points, step_s)} format={compact} />
          ) : (
            <TimeChart label={`Cost, ${label}`} series={COST_SERIES} points={costPoints(points, step_s)} format={money} />
          )
        }
      </Load>
    </Card>
  );
}
