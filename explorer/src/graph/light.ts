/** What is lit up: a reason, a product, a shared value; each is a set of events. Pure. */

import type { GraphEdge, GraphEvent, Reason, Ring } from "../api";
import type { Recount, Shown } from "./model";

const COLUMNS: Record<string, keyof GraphEvent> = {
  member: "member_id",
  product: "product_id",
  device: "device_id",
  address: "address_id",
  ip: "ip",
  card: "card",
  phone: "phone",
  email: "email",
};

/** Column of an event that names nodes of `type`; `null` for a type that events do not name. */
export function columnOf(type: string): keyof GraphEvent | null {
  return Object.hasOwn(COLUMNS, type) ? COLUMNS[type] : null;
}

export interface Light {
  events: Set<string>;
  edges: Set<string>;
  nodes: Set<string>;
}

/** Events that `light` names; `null` when it names nothing that is there. */
export function eventsOf(light: string, ring: Ring, shown: Shown): Set<string> | null {
  const [what, rest] = cut(light);
  if (what === "reason") return idsOf(ring.reasons, rest);
  if (what === "counter") return idsOf(ring.counter_evidence, rest);
  if (what === "product") return eventsAt("product", rest, shown);
  if (what === "shared") return eventsAt(...cut(rest), shown);
  return null;
}

/** A text before and after its first colon, as the type and the key of a node. */
export function cut(text: string): [string, string] {
  const colon = text.indexOf(":");
  return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}

function idsOf(reasons: { event_ids: string[] }[], index: string): Set<string> | null {
  const reason = /^\d+$/.test(index) ? reasons[Number(index)] : undefined;
  // Some reasons come from labels alone: there is nothing to light, and all else stays as it is.
  return reason && reason.event_ids.length > 0 ? new Set(reason.event_ids) : null;
}

function eventsAt(type: string, key: string, shown: Shown): Set<string> | null {
  const column = columnOf(type);
  if (!column) return null;
  const found = new Set<string>();
  for (const event of shown.events.values()) if (event[column] === key) found.add(event.event_id);
  return found;
}

/** Node that `light` is about, where it is about one: its edges say more than all edges of its events. */
function subject(light: string): string | null {
  const [what, rest] = cut(light);
  if (what === "product") return `product:${rest}`;
  if (what === "shared") return rest;
  return null;
}

/** Whether `text` names `key`, and not only an id that begins like it. */
export function names(text: string, key: string): boolean {
  for (let at = text.indexOf(key); at >= 0 && key !== ""; at = text.indexOf(key, at + 1)) {
    const before = at === 0 ? " " : text[at - 1];
    const after = text[at + key.length] ?? " ";
    if (/[\s(]/.test(before) && /[\s,;.:)]/.test(after)) return true;
  }
  return false;
}

/**
 * Which of a reason's edges are meant: those to the values that its text names, else those to the
 * type of value in its code, else all. An event has edges that the reason does not speak of.
 */
function meant(edges: GraphEdge[], reason: Reason, shown: Shown): GraphEdge[] {
  const target = (edge: GraphEdge) => shown.nodes.get(edge.target);
  const named = new Set<string>();
  const typed = new Set<string>();
  for (const edge of edges) {
    const node = target(edge);
    if (!node || node.type === "member") continue;
    if (names(reason.text, node.key)) named.add(node.id);
    if (reason.code.split("_").includes(node.type.toUpperCase())) typed.add(node.id);
  }
  const wanted = named.size > 0 ? named : typed;
  return wanted.size > 0 ? edges.filter((edge) => wanted.has(edge.target)) : edges;
}

function reasonOf(light: string, ring: Ring): Reason | null {
  const [what, index] = cut(light);
  const reasons = what === "reason" ? ring.reasons : what === "counter" ? ring.counter_evidence : [];
  return reasons[Number(index)] ?? null;
}

/** Edges and nodes to light up for `light`; those whose events all lie outside the window stay dark. */
export function lightOf(light: string | null, ring: Ring, shown: Shown, counted: Recount): Light | null {
  if (light === null) return null;
  const events = eventsOf(light, ring, shown);
  if (!events) return null;
  const about = subject(light);
  const near = about !== null ? shown.edgesOf.get(about) : undefined;
  const candidates = (near ?? [...shown.edges.keys()]).flatMap((id) => shown.edges.get(id) ?? []);
  const lit = candidates.filter(
    (edge) =>
      counted.edges.has(edge.id) && (near !== undefined || edge.event_ids.some((id) => events.has(id) && counted.inside.has(id))),
  );
  const reason = reasonOf(light, ring);
  const edges = reason ? meant(lit, reason, shown) : lit;
  return {
    events,
    edges: new Set(edges.map((edge) => edge.id)),
    nodes: new Set(edges.flatMap((edge) => [edge.source, edge.target])),
  };
}
