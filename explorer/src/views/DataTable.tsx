import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../state/store";

export interface Column<Row> {
  id: string;
  head: string;
  number?: boolean;
  cell: (row: Row) => ComponentChildren;
  /** Value to sort by; without it the column is not sorted. */
  by?: (row: Row) => string | number | null | undefined;
  /** The cell is a button that picks the row. */
  pick?: boolean;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
  chosen?: (row: Row) => boolean;
  onPick?: (row: Row) => void;
  empty: string;
  testid: string;
}

const STEP = 100;

type Order = { column: string; desc: boolean } | null;

function sorted<Row>(rows: Row[], columns: Column<Row>[], order: Order): Row[] {
  const by = order ? columns.find((column) => column.id === order.column)?.by : undefined;
  if (!by || !order) return rows;
  const sign = order.desc ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a) ?? null, by(b) ?? null];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return x < y ? -sign : x > y ? sign : 0;
  });
}

export function DataTable<Row>(props: Props<Row>) {
  const { label, columns, rows, keyOf, chosen, onPick, empty, testid } = props;
  const [order, setOrder] = useState<Order>(null);
  const [most, setMost] = useState(STEP);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const turn = (column: string) =>
    setOrder(order?.column !== column ? { column, desc: false } : order.desc ? null : { column, desc: true });
  return (
    <>
      <table class="data" data-testid={testid}>
        <caption class="unseen">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.id} column={column} order={order} onTurn={turn} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, order)
            .slice(0, most)
            .map((row) => (
              <tr key={keyOf(row)} class={chosen?.(row) ? "chosen" : undefined}>
                {columns.map((column) => (
                  <td key={column.id} class={column.number ? "number" : undefined}>
                    {column.pick && onPick ? (
                      <button type="button" class="link" aria-pressed={chosen?.(row) ?? false} onClick={() => onPick(row)}>
                        {column.cell(row)}
                      </button>
                    ) : (
                      column.cell(row)
                    )}
                  </td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
      {rows.length > most && (
        <button type="button" class="more" onClick={() => setMost(most + STEP)}>
          {t("table.more", { n: Math.min(STEP, rows.length - most) })}
        </button>
      )}
    </>
  );
}

interface HeadProps<Row> {
  column: Column<Row>;
  order: Order;
  onTurn: (column: string) => void;
}

function Head<Row>({ column, order, onTurn }: HeadProps<Row>) {
  if (!column.by) {
    return (
      <th scope="col" class={column.number ? "number" : undefined}>
        {column.head}
      </th>
    );
  }
  const active = order?.column === column.id;
  const direction = !active ? "none" : order.desc ? "descending" : "ascending";
  return (
    <th scope="col" class={column.number ? "number" : undefined} aria-sort={direction}>
      <button type="button" onClick={() => onTurn(column.id)} title={t("sort.by", { name: column.head })}>
        {column.head}
        <Arrow direction={direction} />
      </button>
    </th>
  );
}

export function Arrow({ direction }: { direction: "none" | "ascending" | "descending" }) {
  return (
    <span class="arrow" aria-hidden="true">
      {direction === "ascending" ? "▲" : direction === "descending" ? "▼" : ""}
    </span>
  );
}
