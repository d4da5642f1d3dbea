import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { Query } from "@/api/http";
import { queries } from "@/api/queries";
import type { Point, UsageRow } from "@/api/types";
import { COST_SERIES, costPoints, REQUEST_SERIES, requestPoints, TOKEN_SERIES, tokenPoints } from "@/charts/traffic";
import { TimeChart } from "@/charts/TimeChart";
import { Card } from "@/components/Page";
import { Load } from "@/components/States";
import { compact, money } from "@/lib/format";

const DAY_S = 86_400;
const MOST_DAYS = 400;
const NOTHING = { requests: 0, errors: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };

/** Every day from the first to the last, those without a request too. */
export function daily(rows: readonly UsageRow[], from: string, to: string): Point[] {
  const known = new Map(rows.map((row) => [(row.day ?? "").slice(0, 10), row]));
  const days = [...known.keys()].sort();
  const first = from || days[0];
  const last = to || days.at(-1);
  if (!first || !last) return [];
  const points: Point[] = [];
  for (
    let at = Date.parse(`${first}T00:00:00Z`);
    at <= Date.parse(`${last}T00:00:00Z`) && points.length < MOST_DAYS;
    at += DAY_S * 1000
  ) {
    const day = new Date(at).toISOString().slice(0, 10);
    const row = known.get(day);
    points.push({ ...(row ?? NOTHING), at: day });
  }
  return points;
}

type What = "requests" | "tokens" | "cost";

export function UsageChart({ query }: { query: Query & { from: string; to: string } }) {
  const usage = useQuery(queries.usage(query));
  const [what, setWhat] = useState<What>("requests");
  return (
    <Card
      title="By day"
      aside={
        <SegmentedControl
          size="xs"
          aria-label="What"
          value={what}
          onChange={(value) => setWhat(value)}
          data={[
            { value: "requests" as const, label: "Requests" },
            { value: "tokens" as const, label: "Tokens" },
            { value: "cost" as const, label: "Cost" },
          ]}
        />
      }
    >
      <Load query={usage} rows={3}>
        {({ rows }) => <Chart what={what} points={daily(rows, query.from, query.to)} />}
      </Load>
    </Card>
  );
}

function Chart({ what, points }: { what: What; points: Point[] }) {
  if (what === "cost") {
    return (
      <>
        <TimeChart label="Cost a day" series={COST_SERIES} points={costPoints(points, DAY_S)} format={money} />
        {points.some((point) => point.cost_usd === null) && (
          <p className="gw-dim" style={{ margin: "6px 0 0" }}>
            A day whose models have no known price has no bar. It is not free.
          </p>
        )}
      </>
    );
  }
  if (what === "tokens") {
    return <TimeChart label="Tokens a day" series={TOKEN_SERIES} points={tokenPoints(points, DAY_S)} format={compact} />;
  }
  return <TimeChart label="Requests a day" series={REQUEST_SERIES} points={requestPoints(points, DAY_S)} format={compact} />;
}
