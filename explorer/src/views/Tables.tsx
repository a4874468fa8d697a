import { signal } from "@preact/signals";
import type { GraphEvent, Product, Ring, SharedValue } from "../api";
import { decimal, minute, money, shorten, whole } from "../format";
import { nodeId } from "../graph/model";
import { eventsNear, incomplete, memberRows, productsWithin, sharedWithin, type MemberRow } from "../graph/within";
import { counted, go, lang, light, lightName, selected, session, shown, span, t, url, w } from "../state/store";
import type { Tab } from "../state/url";
import { DataTable, type Column } from "./DataTable";
import { eventColumns } from "./events";
import { Id } from "./Id";
import { Tabs } from "./Tabs";

const TABS: Tab[] = ["events", "shared", "members", "products"];

export function Tables({ found }: { found: Ring }) {
  const events = visibleEvents();
  const { shared, members, products } = rowsOf(found);
  const counts: Record<Tab, number> = {
    events: events.length,
    shared: shared.length,
    members: members.length,
    products: products.length,
  };
  return (
    <section class="tables" aria-label={t("tab.tables")}>
      <Tabs
        name="tab"
        label={t("tab.tables")}
        tabs={TABS.map((id) => ({ id, text: t(`tab.${id}`), count: whole(counts[id], lang.value) }))}
        active={url.value.tab}
        onPick={(tab) => go({ tab })}
      >
        {url.value.tab === "events" && <Events events={events} />}
        {url.value.tab === "shared" && <Shared rows={shared} />}
        {url.value.tab === "members" && <Members rows={members} />}
        {url.value.tab === "products" && <Products rows={products} found={found} />}
      </Tabs>
    </section>
  );
}

interface Rows {
  shared: SharedValue[];
  members: MemberRow[];
  products: Product[];
}

/** What the tables list: of the whole time what the service says, of a window what happened in it. */
function rowsOf(found: Ring): Rows {
  const [graph, now, whole] = [shown.value, counted.value, span.value === null];
  if (!graph || !now) return { shared: [], members: [], products: [] };
  const members = memberRows(found.members, graph, now, whole);
  if (whole) return { shared: found.shared, members, products: found.products };
  const ids = idsOf(found);
  return {
    shared: sharedWithin(found.shared, ids, graph, now),
    members,
    products: productsWithin(found.products, found.currency, ids, now),
  };
}

function idsOf(found: Ring): Set<string> {
  return new Set(found.members.map((member) => member.member_id));
}

const onlySelected = signal(false);

/** Events of the window: those that the lit reason names, and those of the selected node if so wished. */
function visibleEvents(): GraphEvent[] {
  let of = counted.value?.events ?? [];
  const lit = light.value;
  if (lit) of = of.filter((event) => lit.events.has(event.event_id));
  const near = onlySelected.value && selected.value !== null && shown.value ? eventsNear(shown.value, selected.value) : null;
  if (near) of = of.filter((event) => near.has(event.event_id));
  return of;
}

export function pick(id: string): void {
  go(url.value.node === id ? { node: null } : { node: id, panel: "selected" }, true);
}

function Events({ events }: { events: GraphEvent[] }) {
  const lit = url.value.light;
  const chosen = selected.value;
  return (
    <>
      {lit !== null && light.value && (
        <p class="filter" data-testid="events-filter">
          {t("table.onlyLit", { what: lightName(lit) })}
          <button type="button" class="link" onClick={() => go({ light: null }, true)}>
            {t("graph.unlight")}
          </button>
        </p>
      )}
      {chosen !== null && shown.value?.nodes.has(chosen) && (
        <label class="check">
          <input
            type="checkbox"
            checked={onlySelected.value}
            onChange={(event) => (onlySelected.value = event.currentTarget.checked)}
            data-testid="only-selected"
          />
          {t("table.onlySelected", { id: shorten(shown.value.nodes.get(chosen)?.key ?? "", 40) })}
        </label>
      )}
      <DataTable
        label={t("tab.events")}
        testid="events"
        columns={eventColumns(events, session.value?.identifiers ?? [])}
        rows={events}
        keyOf={(event) => event.event_id}
        chosen={(event) => chosen !== null && nodeId("member", event.member_id) === chosen}
        onPick={(event) => pick(nodeId("member", event.member_id))}
        empty={t("table.noEvents")}
      />
    </>
  );
}

function toggleLight(name: string): void {
  go({ light: url.value.light === name ? null : name }, true);
}

function Shared({ rows }: { rows: SharedValue[] }) {
  const columns: Column<SharedValue>[] = [
    { id: "type", head: t("col.type"), cell: (row) => w("type", row.type), by: (row) => row.type },
    { id: "id", head: t("col.id"), cell: (row) => <Id value={row.id} most={36} />, by: (row) => row.id, pick: true },
    { id: "members", head: t("col.members"), number: true, cell: (row) => whole(row.members, lang.value), by: (row) => row.members },
    { id: "events", head: t("col.events"), number: true, cell: (row) => whole(row.events, lang.value), by: (row) => row.events },
    { id: "first", head: t("col.first"), cell: (row) => minute(row.first), by: (row) => row.first },
    { id: "last", head: t("col.last"), cell: (row) => minute(row.last), by: (row) => row.last },
    { id: "surprise", head: t(span.value ? "col.surpriseWhole" : "col.surprise"), number: true, cell: (row) => decimal(row.surprise, 1, lang.value), by: (row) => row.surprise },
  ];
  return (
    <DataTable
      label={t("tab.shared")}
      testid="shared"
      columns={columns}
      rows={rows}
      keyOf={(row) => nodeId(row.type, row.id)}
      chosen={(row) => url.value.node === nodeId(row.type, row.id)}
      onPick={(row) => pick(nodeId(row.type, row.id))}
      empty={t(span.value ? "table.noneWithin" : "table.noShared")}
    />
  );
}

function Members({ rows }: { rows: MemberRow[] }) {
  const columns: Column<MemberRow>[] = [
    { id: "member", head: t("col.member"), cell: (row) => <Id value={row.member_id} most={40} />, by: (row) => row.member_id, pick: true },
    { id: "role", head: t("col.role"), cell: (row) => w("role", row.role), by: (row) => row.role },
    { id: "score", head: t("col.score"), number: true, cell: (row) => decimal(row.score, 3, lang.value), by: (row) => row.score },
    { id: "events", head: t("col.events"), number: true, cell: (row) => whole(row.events, lang.value), by: (row) => row.events },
    { id: "values", head: t("col.degree"), number: true, cell: (row) => whole(row.values, lang.value), by: (row) => row.values },
  ];
  return (
    <DataTable
      label={t("tab.members")}
      testid="members"
      columns={columns}
      rows={rows}
      keyOf={(row) => row.member_id}
      chosen={(row) => url.value.node === nodeId("member", row.member_id)}
      onPick={(row) => pick(nodeId("member", row.member_id))}
      empty={t("table.noneWithin")}
    />
  );
}

function Products({ rows, found }: { rows: Product[]; found: Ring }) {
  const listed = new Set(rows.map((row) => row.product_id));
  const ofAllTime = found.products.filter((row) => listed.has(row.product_id));
  const short = span.value && shown.value ? incomplete(ofAllTime, idsOf(found), shown.value) : 0;
  const columns: Column<Product>[] = [
    { id: "product", head: t("col.product"), cell: (row) => <Id value={row.product_id} most={30} />, by: (row) => row.product_id, pick: true },
    { id: "members", head: t("col.members"), number: true, cell: (row) => whole(row.members, lang.value), by: (row) => row.members },
    { id: "events", head: t("col.events"), number: true, cell: (row) => whole(row.events, lang.value), by: (row) => row.events },
    { id: "amount", head: t("col.amount"), number: true, cell: (row) => money(row.amount, null, lang.value), by: (row) => row.amount },
    { id: "reviews", head: t("col.reviews"), number: true, cell: (row) => whole(row.reviews, lang.value), by: (row) => row.reviews },
    { id: "rating", head: t("col.rating"), number: true, cell: (row) => decimal(row.mean_rating, 1, lang.value), by: (row) => row.mean_rating },
    { id: "seller", head: t("col.seller"), cell: (row) => (row.seller_id === null ? "–" : <Id value={row.seller_id} />), by: (row) => row.seller_id },
    { id: "category", head: t("col.category"), cell: (row) => (row.category === null ? "–" : <Id value={row.category} />), by: (row) => row.category },
  ];
  return (
    <>
      {short > 0 && (
        <p class="hint part" data-testid="products-part">
          {t("table.productsPart", { n: whole(short, lang.value), total: whole(rows.length, lang.value) })}
        </p>
      )}
      <DataTable
        label={t("tab.products")}
        testid="products"
        columns={columns}
        rows={rows}
        keyOf={(row) => row.product_id}
        chosen={(row) => url.value.light === `product:${row.product_id}`}
        onPick={(row) => toggleLight(`product:${row.product_id}`)}
        empty={t(span.value ? "table.noneWithin" : "table.noProducts")}
      />
    </>
  );
}
