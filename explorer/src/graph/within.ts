/** What a ring's tables count in a window of time, by the events that the graph holds; pure. */

import type { GraphEvent, Product, RingMember, SharedValue } from "../api";
import { nodeId, type Recount, type Shown } from "./model";

export interface MemberRow extends RingMember {
  events: number;
  /** Nodes that the member is tied to. */
  values: number;
}

export interface Life {
  events: number;
  first: string | null;
  last: string | null;
}

function lifeOf(events: GraphEvent[]): Life {
  return { events: events.length, first: events[0]?.time ?? null, last: events.at(-1)?.time ?? null };
}

/** Events by what `of` says of each, each list in the order of time. */
function grouped(events: Iterable<GraphEvent>, of: (event: GraphEvent) => string | null | undefined): Map<string, GraphEvent[]> {
  const groups = new Map<string, GraphEvent[]>();
  for (const event of events) {
    const key = of(event);
    if (key == null) continue;
    const group = groups.get(key);
    if (group) group.push(event);
    else groups.set(key, [event]);
  }
  return groups;
}

/** Ids of the events of a node's edges, and of a member also those without any other node; `null` for an unknown node. */
export function eventsNear(shown: Shown, id: string): Set<string> | null {
  const node = shown.nodes.get(id);
  if (!node) return null;
  const found = new Set((shown.edgesOf.get(id) ?? []).flatMap((edge) => shown.edges.get(edge)?.event_ids ?? []));
  if (node.type === "member") {
    for (const event of shown.events.values()) if (event.member_id === node.key) found.add(event.event_id);
  }
  return found;
}

/** How often and when a node was seen in the window. */
export function lifeWithin(shown: Shown, counted: Recount, id: string): Life {
  const near = eventsNear(shown, id);
  return lifeOf(counted.events.filter((event) => near?.has(event.event_id)));
}

/** The same of the whole time, by what the service counted on the node's edges, also where the graph holds less. */
export function lifeOfEdges(shown: Shown, id: string): Life {
  const edges = (shown.edgesOf.get(id) ?? []).flatMap((edge) => shown.edges.get(edge) ?? []);
  const [firsts, lasts] = [edges.map((edge) => edge.first).sort(), edges.map((edge) => edge.last).sort()];
  return {
    events: edges.reduce((total, edge) => total + edge.events, 0),
    first: firsts[0] ?? null,
    last: lasts.at(-1) ?? null,
  };
}

/** Shared values that members of the ring used in the window. */
export function sharedWithin(rows: SharedValue[], members: ReadonlySet<string>, shown: Shown, counted: Recount): SharedValue[] {
  return rows.flatMap((row) => {
    const near = eventsNear(shown, nodeId(row.type, row.id));
    const events = counted.events.filter((event) => near?.has(event.event_id) && members.has(event.member_id));
    const { first, last } = lifeOf(events);
    if (first === null || last === null) return [];
    return [{ ...row, members: new Set(events.map((event) => event.member_id)).size, events: events.length, first, last }];
  });
}

/** Events of the ring's members with each product. */
function byProduct(events: Iterable<GraphEvent>, members: ReadonlySet<string>): Map<string, GraphEvent[]> {
  return grouped(events, (event) => (members.has(event.member_id) ? event.product_id : null));
}

/** Products that members of the ring did anything with in the window; amounts are of one currency, as the service's. */
export function productsWithin(rows: Product[], currency: string | null, members: ReadonlySet<string>, counted: Recount): Product[] {
  const by = byProduct(counted.events, members);
  return rows.flatMap((row) => {
    const events = by.get(row.product_id);
    return events ? [{ ...row, ...dealings(events, currency) }] : [];
  });
}

type Dealings = Pick<Product, "members" | "events" | "amount" | "reviews" | "mean_rating">;

function dealings(events: GraphEvent[], currency: string | null): Dealings {
  const reviews = events.filter((event) => event.kind === "review");
  const ratings = reviews.flatMap((event) => event.rating ?? []);
  const bought = events.filter((event) => event.kind === "purchase");
  const paid = bought.flatMap((event) => ((event.currency ?? null) === currency ? (event.amount ?? []) : []));
  return {
    members: new Set([...bought, ...reviews].map((event) => event.member_id)).size,
    events: events.length,
    amount: sum(paid),
    reviews: reviews.length,
    mean_rating: ratings.length > 0 ? sum(ratings) / ratings.length : null,
  };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How many of the products had more events than the graph holds: the graph is of what ties the ring together. */
export function incomplete(rows: Product[], members: ReadonlySet<string>, shown: Shown): number {
  const by = byProduct(shown.events.values(), members);
  return rows.filter((row) => row.events > (by.get(row.product_id)?.length ?? 0)).length;
}

/** What each member did in the window; without a window also those that did nothing. */
export function memberRows(rows: RingMember[], shown: Shown, counted: Recount, all: boolean): MemberRow[] {
  const by = grouped(counted.events, (event) => event.member_id);
  const found = rows.map((row) => {
    const edges = shown.edgesOf.get(nodeId("member", row.member_id)) ?? [];
    return {
      ...row,
      events: by.get(row.member_id)?.length ?? 0,
      values: edges.filter((id) => counted.edges.has(id)).length,
    };
  });
  return all ? found : found.filter((row) => row.events > 0);
}

/** Neighbours of a node by the edges that count. */
export function neighborsWithin(shown: Shown, counted: Recount, id: string): string[] {
  const found = new Set<string>();
  for (const edge of shown.edgesOf.get(id) ?? []) {
    const ends = counted.edges.has(edge) ? shown.edges.get(edge) : undefined;
    if (ends) found.add(ends.source === id ? ends.target : ends.source);
  }
  return [...found].sort();
}
