/** Rows as a table; on a narrow screen, as a list of cards with the same content. */

import { useMediaQuery } from "@mantine/hooks";
import type { ReactNode } from "react";

export interface Column<Row> {
  key: string;
  title: string;
  cell: (row: Row) => ReactNode;
  right?: boolean;
  /** Stands at the head of the card. */
  lead?: boolean;
  /** Left out of cards where it says nothing. */
  wideOnly?: boolean;
}

export function useNarrow(): boolean {
  return useMediaQuery("(max-width: 760px)", window.innerWidth <= 760, { getInitialValueInEffect: false });
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  onRow?: (row: Row) => void;
  fresh?: (row: Row) => boolean;
}

export function DataTable<Row>(props: Props<Row>) {
  return useNarrow() ? <Cards {...props} /> : <Wide {...props} />;
}

function Wide<Row>({ label, columns, rows, rowKey, onRow, fresh }: Props<Row>) {
  return (
    <div className="gw-scroll" tabIndex={0} role="group" aria-label={label}>
      <table className="gw-table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={column.right ? "gw-right" : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              className={fresh?.(row) ? "gw-fresh" : undefined}
              style={onRow && { cursor: "pointer" }}
              onClick={(event) => {
                if (!isControl(event.target)) onRow?.(row);
              }}
            >
              {columns.map((column) => (
                <td key={column.key} className={column.right ? "gw-right" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cards<Row>({ label, columns, rows, rowKey, fresh }: Props<Row>) {
  const heads = columns.filter((column) => column.lead);
  const facts = columns.filter((column) => !column.lead && !column.wideOnly);
  return (
    <ul className="gw-cards" aria-label={label}>
      {rows.map((row) => (
        <li key={rowKey(row)} className={fresh?.(row) ? "gw-fresh" : undefined}>
          <div style={{ display: "flex", justifyContent: "space-between", alignItems: "start", gap: 10 }}>
            {heads.map((column, place) => (
              <div key={column.key} style={place === 0 ? { minWidth: 0 } : { flex: "none" }}>
                {column.cell(row)}
              </div>
            ))}
          </div>
          <dl>
            {facts.map((column) => (
              <Fact key={column.key} title={column.title}>
                {column.cell(row)}
              </Fact>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}

function Fact({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** The row's own links and buttons do their own work. */
function isControl(target: EventTarget): boolean {
  return target instanceof Element && target.closest("a, button, input, label") !== null;
}
