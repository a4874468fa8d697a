/** The graph that is shown: the ring's own, and what was expanded; pure. */

import type { GraphData, GraphEdge, GraphEvent, GraphNode, Neighborhood } from "../api";
import { at } from "../format";

/** One expanded node: how many of its neighbours the pieces bring. */
export interface Expansion {
  node: string;
  total: number;
  /** Neighbours asked for so far. */
  reached: number;
  pieces: GraphData[];
}

export interface Shown {
  nodes: Map<string, GraphNode>;
  edges: Map<string, GraphEdge>;
  /** In the order of time. */
  events: Map<string, GraphEvent>;
  /** Nodes of the ring's own graph. */
  own: Set<string>;
  /** Node that a node first came with, for its place. */
  parent: Map<string, string>;
  neighbors: Map<string, Set<string>>;
  edgesOf: Map<string, string[]>;
  truncated: boolean;
  eventsTotal: number;
}

const moments = new WeakMap<GraphEvent, number>();

/** Milliseconds since 1970 of an event; its text is read once. */
export function momentOf(event: GraphEvent): number {
  let found = moments.get(event);
  if (found === undefined) moments.set(event, (found = at(event.time)));
  return found;
}

export function nodeId(type: string, key: string): string {
  return `${type}:${key}`;
}

/** Put the ring's graph and all expansions together; what several bring is there once. */
export function merge(base: GraphData, expansions: Iterable<Expansion>): Shown {
  const shown: Shown = {
    nodes: new Map(base.nodes.map((node) => [node.id, node])),
    edges: new Map(base.edges.map((edge) => [edge.id, edge])),
    events: new Map(base.events.map((event) => [event.event_id, event])),
    own: new Set(base.nodes.map((node) => node.id)),
    parent: new Map(),
    neighbors: new Map(),
    edgesOf: new Map(),
    truncated: base.truncated,
    eventsTotal: base.events_total,
  };
  for (const expansion of expansions) {
    for (const piece of expansion.pieces) add(shown, piece, expansion.node);
  }
  // In the order of time once and for all, not once for each window.
  const events = [...shown.events].sort(([, a], [, b]) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  shown.events = new Map(events);
  for (const edge of shown.edges.values()) {
    link(shown, edge.source, edge.target, edge.id);
    link(shown, edge.target, edge.source, edge.id);
  }
  return shown;
}

function add(shown: Shown, piece: GraphData, parent: string): void {
  for (const node of piece.nodes) {
    if (shown.nodes.has(node.id)) continue;
    shown.nodes.set(node.id, node);
    shown.parent.set(node.id, parent);
  }
  for (const event of piece.events) {
    if (!shown.events.has(event.event_id)) shown.events.set(event.event_id, event);
  }
  for (const edge of piece.edges) {
    const before = shown.edges.get(edge.id);
    shown.edges.set(edge.id, before ? joined(before, edge) : edge);
  }
}

function joined(a: GraphEdge, b: GraphEdge): GraphEdge {
  if (b.event_ids.every((id) => a.event_ids.includes(id)) && b.events <= a.events) return a;
  const ids = [...new Set([...a.event_ids, ...b.event_ids])];
  const more = b.events > a.events ? b : a;
  return { ...more, event_ids: ids, first: a.first < b.first ? a.first : b.first, last: a.last > b.last ? a.last : b.last };
}

function link(shown: Shown, from: string, to: string, edge: string): void {
  let near = shown.neighbors.get(from);
  if (!near) shown.neighbors.set(from, (near = new Set()));
  near.add(to);
  const edges = shown.edgesOf.get(from);
  if (edges) edges.push(edge);
  else shown.edgesOf.set(from, [edge]);
}

/** Put the next piece of a node's neighbourhood to what was there. */
export function grow(before: Expansion | undefined, answer: Neighborhood, limit: number): Expansion {
  return {
    node: answer.node.id,
    total: answer.total,
    reached: Math.min(answer.total, answer.offset + limit),
    pieces: [...(before?.pieces ?? []), answer.graph],
  };
}

export interface Span {
  from: number;
  to: number;
}

/** First and last moment of the events, milliseconds since 1970; `null` without events. */
export function spanOf(events: Iterable<GraphEvent>): Span | null {
  let from = Infinity;
  let to = -Infinity;
  for (const event of events) {
    const time = momentOf(event);
    if (time < from) from = time;
    if (time > to) to = time;
  }
  return from <= to ? { from, to } : null;
}

export interface Recount {
  /** Events in the window, per edge that has any and whose ends are not hidden. */
  edges: Map<string, number>;
  /** Nodes with such an edge, and every node where the window is open. */
  nodes: Set<string>;
  events: GraphEvent[];
  /** Ids of these events. */
  inside: Set<string>;
}

/**
 * Count anew for a window of time and hidden types.
 *
 * Without a window an edge counts all its events, also those that the answer left out.
 * Both ends of a window belong to it, to the second: a link carries seconds.
 */
export function recount(shown: Shown, window: Span | null, hidden: ReadonlySet<string>): Recount {
  const inside = new Set<string>();
  const events: GraphEvent[] = [];
  for (const event of shown.events.values()) {
    const time = momentOf(event);
    if (window && (time < window.from || time >= window.to + 1000)) continue;
    inside.add(event.event_id);
    events.push(event);
  }
  const edges = new Map<string, number>();
  const nodes = new Set<string>();
  for (const edge of shown.edges.values()) {
    if (isHidden(shown, edge.source, hidden) || isHidden(shown, edge.target, hidden)) continue;
    const count = window ? edge.event_ids.reduce((sum, id) => sum + (inside.has(id) ? 1 : 0), 0) : edge.events;
    if (count === 0 && window) continue;
    edges.set(edge.id, count);
    nodes.add(edge.source);
    nodes.add(edge.target);
  }
  if (!window) {
    for (const node of shown.nodes.values()) if (!hidden.has(node.type)) nodes.add(node.id);
  }
  return { edges, nodes, events, inside };
}

function isHidden(shown: Shown, id: string, hidden: ReadonlySet<string>): boolean {
  const node = shown.nodes.get(id);
  return node === undefined || hidden.has(node.type);
}

/** How many nodes of each type are there and how many of them count, in the order of `types`. */
export function census(shown: Shown, counted: Recount, types: string[]): { type: string; all: number; now: number }[] {
  const all = new Map<string, number>();
  const now = new Map<string, number>();
  for (const node of shown.nodes.values()) {
    all.set(node.type, (all.get(node.type) ?? 0) + 1);
    if (counted.nodes.has(node.id)) now.set(node.type, (now.get(node.type) ?? 0) + 1);
  }
  const order = [...types, ...[...all.keys()].filter((type) => !types.includes(type)).sort()];
  return order.filter((type) => all.has(type)).map((type) => ({ type, all: all.get(type) ?? 0, now: now.get(type) ?? 0 }));
}
