import type { GraphData, GraphEdge, GraphEvent, GraphNode, Ring } from "../src/api";

export function node(type: string, key: string, more: Partial<GraphNode> = {}): GraphNode {
  return { id: `${type}:${key}`, type, key, role: null, score: null, surprise: null, degree: 5, flagged: null, ...more };
}

export function event(event_id: string, time: string, member_id: string, more: Partial<GraphEvent> = {}): GraphEvent {
  return { event_id, time, kind: "login", member_id, ...more };
}

export function edge(source: string, target: string, event_ids: string[], more: Partial<GraphEdge> = {}): GraphEdge {
  return {
    id: `${source}→${target}`,
    source,
    target,
    relation: "uses",
    events: event_ids.length,
    first: "2024-01-01T00:00:00Z",
    last: "2024-01-09T00:00:00Z",
    amount: null,
    kinds: {},
    event_ids,
    ...more,
  };
}

/** Three members, a device of two of them, a card of two of them, and a fourth member without edges. */
export function graph(): GraphData {
  const events = [
    event("e1", "2024-01-01T10:00:00Z", "a", { device_id: "d", ip: "9.9.9.9" }),
    event("e2", "2024-01-02T10:00:00.500000Z", "b", { device_id: "d" }),
    event("e3", "2024-01-03T10:00:00Z", "b", { card: "k", product_id: "p", kind: "purchase" }),
    event("e4", "2024-01-04T10:00:00Z", "c", { card: "k", product_id: "p", kind: "purchase" }),
  ];
  return {
    nodes: [node("member", "a"), node("member", "b"), node("member", "c"), node("member", "z"), node("device", "d"), node("card", "k")],
    events,
    edges: [
      edge("member:a", "device:d", ["e1"]),
      edge("member:b", "device:d", ["e2"]),
      edge("member:b", "card:k", ["e3"]),
      edge("member:c", "card:k", ["e4"]),
    ],
    events_total: 4,
    truncated: false,
  };
}

export function ring(more: Partial<Ring> = {}): Ring {
  return {
    ring_id: "r-1",
    rank: 1,
    kind: "other",
    status: "new",
    score: 1,
    score_kind: "rank",
    members: [],
    shared: [],
    amount_gross: 0,
    amount_net: 0,
    currency: null,
    first: "2024-01-01T00:00:00Z",
    last: "2024-01-09T00:00:00Z",
    as_of: "2024-02-01T00:00:00Z",
    model: null,
    reasons: [],
    counter_evidence: [],
    decision: null,
    run: { run_id: "x", as_of: "2024-02-01T00:00:00Z", finished: null, model: null, rings: 1 },
    case: null,
    graph: graph(),
    products: [],
    ...more,
  };
}
