import type { ReactNode } from "react";
import { Link } from "wouter";

import type { TopClient, TopModel } from "@/api/types";
import { Card } from "@/components/Page";
import { Empty } from "@/components/States";
import { Cost, Plain } from "@/components/Text";
import { compact } from "@/lib/format";

interface Row {
  key: string;
  name: ReactNode;
  requests: number;
  tokens: number;
  cost: number | null;
}

function Ranking({ title, rows }: { title: string; rows: Row[] }) {
  const most = Math.max(1, ...rows.map((row) => row.requests));
  return (
    <Card title={title}>
      {rows.length === 0 && <Empty title="Nothing today yet" icon="usage" />}
      <ol style={{ listStyle: "none", margin: 0, padding: 0, display: "grid", gap: 10, gridTemplateColumns: "minmax(0, 1fr)" }}>
        {rows.map((row) => (
          <li key={row.key}>
            <div style={{ display: "flex", justifyContent: "space-between", gap: 12, fontSize: "0.875rem" }}>
              <span style={{ minWidth: 0, flex: 1 }}>{row.name}</span>
              <span className="gw-num">
                {compact(row.requests)} <span className="gw-dim">req</span> · {compact(row.tokens)}{" "}
                <span className="gw-dim">tok</span> · <Cost usd={row.cost} />
              </span>
            </div>
            <div className="gw-meter" style={{ height: 4, marginTop: 4 }} aria-hidden="true">
              <i style={{ width: `${(row.requests / most) * 100}%` }} />
            </div>
          </li>
        ))}
      </ol>
    </Card>
  );
}

export function TopModels({ rows }: { rows: readonly TopModel[] }) {
  return (
    <Ranking
      title="Top models today"
      rows={rows.map((row) => ({
        key: row.model,
        name: <Plain text={row.model || "no model"} cut />,
        requests: row.requests,
        tokens: row.tokens,
        cost: row.cost_usd,
      }))}
    />
  );
}

export function TopClients({ rows }: { rows: readonly TopClient[] }) {
  return (
    <Ranking
      title="Top clients today"
      rows={rows.map((row) => ({
        key: row.id,
        name: (
          <Link href={`/clients/${row.id}`}>
            <Plain text={row.name} cut />
          </Link>
        ),
        requests: row.requests,
        tokens: row.tokens,
        cost: row.cost_usd,
      }))}
    />
  );
}
