import type { GraphEvent } from "../api";
import { minute, money } from "../format";
import { columnOf } from "../graph/light";
import { lang, t, w } from "../state/store";
import type { Column } from "./DataTable";
import { Id } from "./Id";

const STANDARD = ["device", "address", "ip", "card", "phone", "email"];

/** Columns of a table of events: those of identifiers only where an event has one. */
export function eventColumns(events: GraphEvent[], identifiers: string[]): Column<GraphEvent>[] {
  const columns: Column<GraphEvent>[] = [
    { id: "time", head: t("col.time"), cell: (row) => minute(row.time), by: (row) => row.time },
    { id: "kind", head: t("col.event"), cell: (row) => w("event", row.kind), by: (row) => row.kind },
    { id: "member", head: t("col.member"), cell: (row) => <Id value={row.member_id} most={18} />, by: (row) => row.member_id, pick: true },
  ];
  for (const type of ["product", ...(identifiers.length > 0 ? identifiers : STANDARD)]) {
    const column = columnOf(type);
    if (!column || !events.some((event) => event[column] != null)) continue;
    const text = (row: GraphEvent): string | null => (row[column] == null ? null : String(row[column]));
    columns.push({
      id: type,
      head: w("type", type),
      cell: (row) => <Cell value={text(row)} />,
      by: text,
    });
  }
  if (events.some((event) => event.amount != null)) {
    columns.push({
      id: "amount",
      head: t("col.amount"),
      number: true,
      cell: (row) => (row.amount == null ? "" : money(row.amount, row.currency, lang.value)),
      by: (row) => row.amount,
    });
  }
  if (events.some((event) => event.order_id != null)) {
    columns.push({ id: "order", head: t("col.order"), cell: (row) => <Cell value={row.order_id ?? null} />, by: (row) => row.order_id });
  }
  return columns;
}

function Cell({ value }: { value: string | null }) {
  return value === null ? null : <Id value={value} most={16} />;
}
