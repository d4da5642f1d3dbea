import type { ReactNode } from "react";

/** Names and values, one a line. */
export function Facts({ rows }: { rows: (readonly [string, ReactNode] | false)[] }) {
  return (
    <dl
      style={{
        display: "grid",
        gridTemplateColumns: "minmax(90px, auto) minmax(0, 1fr)",
        gap: "7px 16px",
        margin: 0,
        fontSize: "0.875rem",
      }}
    >
      {rows
        .filter((row) => row !== false)
        .map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt className="gw-dim">{name}</dt>
      <dd style={{ margin: 0, minWidth: 0 }}>{value}</dd>
    </>
  );
}
