import { describe, expect, it } from "vitest";
import { boxOf, shareOf } from "../src/graph/frame";
import { arrange } from "../src/graph/labels";
import { extend, layout } from "../src/graph/layout";
import { eventsOf, lightOf, names } from "../src/graph/light";
import { census, grow, merge, recount, spanOf, type Expansion } from "../src/graph/model";
import { shortestPath } from "../src/graph/path";
import { keepsOrder } from "../src/graph/attributes";
import { LIGHT, looks, type Scene } from "../src/graph/look";
import { bins, moved } from "../src/graph/time";
import { edge, event, graph, node, ring } from "./data";

const at = (text: string): number => Date.parse(text);
const NONE = new Set<string>();

function piece(): Expansion {
  const answer = {
    node: node("device", "d"),
    total: 120,
    offset: 0,
    as_of: "2024-02-01T00:00:00Z",
    graph: {
      nodes: [node("device", "d"), node("member", "a"), node("member", "n1"), node("member", "n2")],
      events: [event("x1", "2024-01-05T00:00:00Z", "n1", { device_id: "d" }), event("x0", "2023-12-01T00:00:00Z", "a", { device_id: "d" })],
      edges: [edge("member:n1", "device:d", ["x1"]), edge("member:n2", "device:d", []), edge("member:a", "device:d", ["x0", "e1"])],
      events_total: 2,
      truncated: false,
    },
  };
  return grow(undefined, answer, 50);
}

describe("merge", () => {
  it("brings each node, edge and event once, and goes back to the ring's own", () => {
    const shown = merge(graph(), [piece()]);
    expect(shown.nodes.size).toBe(8);
    expect(shown.edges.size).toBe(6);
    expect(shown.events.size).toBe(6);
    expect(shown.edges.get("member:a→device:d")?.event_ids).toEqual(["e1", "x0"]);
    expect(shown.own.has("member:n1")).toBe(false);
    expect(shown.parent.get("member:n1")).toBe("device:d");
    expect([...merge(graph(), []).nodes.keys()]).toEqual(graph().nodes.map((item) => item.id));
  });

  it("puts events in the order of time", () => {
    expect([...merge(graph(), [piece()]).events.keys()]).toEqual(["x0", "e1", "e2", "e3", "e4", "x1"]);
  });

  it("counts what was asked for", () => {
    const first = piece();
    expect(first).toMatchObject({ total: 120, reached: 50 });
    const answer = { node: node("device", "d"), total: 120, offset: 100, as_of: "", graph: graph() };
    expect(grow(first, answer, 50)).toMatchObject({ reached: 120, pieces: [{}, {}] });
  });
});

describe("recount", () => {
  const shown = merge(graph(), []);

  it("counts all without a window, also nodes without edges", () => {
    const all = recount(shown, null, NONE);
    expect([all.nodes.size, all.edges.size, all.events.length]).toEqual([6, 4, 4]);
  });

  it("counts events, edges and nodes of a window, both ends in it", () => {
    const window = { from: at("2024-01-02T10:00:00Z"), to: at("2024-01-03T10:00:00Z") };
    const some = recount(shown, window, NONE);
    expect(some.events.map((item) => item.event_id)).toEqual(["e2", "e3"]);
    expect([...some.edges]).toEqual([["member:b→device:d", 1], ["member:b→card:k", 1]]);
    expect([...some.nodes].sort()).toEqual(["card:k", "device:d", "member:b"]);
  });

  it("keeps an event with a fraction in the second that ends the window, and not the next second's", () => {
    const end = (to: string) => recount(shown, { from: 0, to: at(to) }, NONE).events.length;
    expect(end("2024-01-02T10:00:00Z")).toBe(2);
    expect(end("2024-01-02T09:59:59Z")).toBe(1);
  });

  it("leaves out hidden types and their edges", () => {
    const some = recount(shown, null, new Set(["card"]));
    expect([...some.edges.keys()]).toEqual(["member:a→device:d", "member:b→device:d"]);
    expect(some.nodes.has("card:k")).toBe(false);
    expect(some.nodes.has("member:c")).toBe(true);
  });

  it("is empty where nothing happened", () => {
    const none = recount(shown, { from: 0, to: 1 }, NONE);
    expect([none.nodes.size, none.edges.size, none.events.length]).toEqual([0, 0, 0]);
    expect(census(shown, none, ["device", "member", "phone"])).toEqual([
      { type: "device", all: 1, now: 0 },
      { type: "member", all: 4, now: 0 },
      { type: "card", all: 1, now: 0 },
    ]);
  });

  it("knows the span of time", () => {
    expect(spanOf(shown.events.values())).toEqual({ from: at("2024-01-01T10:00:00Z"), to: at("2024-01-04T10:00:00Z") });
    expect(spanOf([])).toBeNull();
  });
});

describe("light", () => {
  const shown = merge(graph(), []);
  const all = recount(shown, null, NONE);
  const given = ring({
    reasons: [
      { code: "SHARED_DEVICE", text: "2 members used device d for 2 days", event_ids: ["e1", "e2", "e3"] },
      { code: "LINKED_VIEWS", text: "all are linked", event_ids: ["e3", "gone"] },
    ],
    counter_evidence: [{ code: "HUB", text: "card k, shared by many", event_ids: ["e4"] }],
  });

  it("lights the edges to the value that a reason names", () => {
    expect([...(lightOf("reason:0", given, shown, all)?.edges ?? [])]).toEqual(["member:a→device:d", "member:b→device:d"]);
    expect([...(lightOf("counter:0", given, shown, all)?.edges ?? [])]).toEqual(["member:c→card:k"]);
  });

  it("lights all edges of the events where none is named", () => {
    expect([...(lightOf("reason:1", given, shown, all)?.edges ?? [])]).toEqual(["member:b→card:k"]);
  });

  it("stays dark outside the window", () => {
    const later = recount(shown, { from: at("2024-01-03T00:00:00Z"), to: at("2024-01-09T00:00:00Z") }, NONE);
    expect(lightOf("reason:0", given, shown, later)?.edges.size).toBe(1);
    expect(lightOf("shared:device:d", given, shown, later)?.edges.size).toBe(0);
  });

  it("knows products and shared values by their events", () => {
    expect(eventsOf("product:p", given, shown)).toEqual(new Set(["e3", "e4"]));
    expect(eventsOf("shared:ip:9.9.9.9", given, shown)).toEqual(new Set(["e1"]));
    const bare = ring({ reasons: [{ code: "CHARGEBACK", text: "a had a fraud label", event_ids: [] }] });
    expect(lightOf("reason:0", bare, shown, all)).toBeNull();
    for (const bad of ["reason:9", "reason:x", "nonsense", "shared:constructor:x", ""]) expect(eventsOf(bad, given, shown)).toBeNull();
  });

  it("does not take an id for another that begins like it", () => {
    expect(names("used device d-1-0 within", "d-1")).toBe(false);
    expect(names("used device d-1, for", "d-1")).toBe(true);
    expect(names("d-1-0 and d-1", "d-1")).toBe(true);
    expect(names("anything", "")).toBe(false);
  });
});

describe("shortestPath", () => {
  const shown = merge(graph(), []);
  const all = recount(shown, null, NONE);

  it("goes over what is shown", () => {
    expect(shortestPath(shown, all, "member:a", "member:c")).toEqual({
      nodes: ["member:a", "device:d", "member:b", "card:k", "member:c"],
      edges: ["member:a→device:d", "member:b→device:d", "member:b→card:k", "member:c→card:k"],
    });
    expect(shortestPath(shown, all, "member:a", "member:a")).toEqual({ nodes: ["member:a"], edges: [] });
  });

  it("says when there is none", () => {
    expect(shortestPath(shown, all, "member:a", "member:z")).toBeNull();
    expect(shortestPath(shown, recount(shown, null, new Set(["card"])), "member:a", "member:c")).toBeNull();
    expect(shortestPath(shown, all, "member:a", "nobody")).toBeNull();
  });
});

describe("looks", () => {
  const scene = (count: number, more: Partial<Scene>): Scene => {
    const edges = Array.from({ length: count }, (_, i) => edge("member:c", "card:k", ["e4"], { id: `more ${i}` }));
    const shown = merge({ ...graph(), edges: [...graph().edges, ...edges] }, []);
    const none = { light: null, path: null, selected: null, hovered: null, members: NONE, pinned: NONE, hidden: NONE };
    return { shown, counted: recount(shown, null, NONE), ...none, palette: LIGHT, ...more };
  };
  const seen = (given: Scene) => {
    const { node: nodeLook, edge: edgeLook } = looks(given);
    const faded = [...given.shown.nodes.values()].filter((one) => nodeLook(one).faded).map((one) => one.id);
    const lit = [...given.shown.edges.values()].filter((one) => edgeLook(one).color === LIGHT.edgeLit).map((one) => one.id);
    return { faded, lit };
  };

  it("fade all but the neighbours of a node under the pointer, and of the selected one", () => {
    for (const more of [{ hovered: "member:a" }, { selected: "member:a" }, { hovered: "member:a", selected: "member:z" }]) {
      expect(seen(scene(0, more))).toEqual({ faded: ["member:b", "member:c", "member:z", "card:k"], lit: ["member:a→device:d"] });
    }
  });

  it("fade nothing under the pointer in a large graph, and keep what the selected one fades", () => {
    expect(seen(scene(2000, { hovered: "member:a" }))).toEqual({ faded: [], lit: ["member:a→device:d"] });
    const both = seen(scene(2000, { hovered: "member:a", selected: "member:b" }));
    expect(both.faded).toEqual(["member:c", "member:z"]);
    expect(both.lit).toEqual(["member:a→device:d", "member:b→device:d", "member:b→card:k"]);
  });
});

describe("names and sizes", () => {
  const star = (neighbors: number): Scene => {
    const near = Array.from({ length: neighbors }, (_, i) => node("member", `n${String(i).padStart(3, "0")}`, { score: 1, degree: 900 }));
    const answer = {
      node: node("device", "d"), total: neighbors, offset: 0, as_of: "",
      graph: { nodes: near, events: [], edges: near.map((one) => edge(one.id, "device:d", [])), events_total: 0, truncated: false },
    };
    const shown = merge({ ...graph(), edges: [] }, [grow(undefined, answer, 50)]);
    const members = new Set(["a", "b", "c", "z"]);
    return { shown, counted: recount(shown, null, NONE), light: null, path: null, selected: "device:d", hovered: null, members, pinned: NONE, hidden: NONE, palette: LIGHT };
  };
  const forced = (given: Scene) => [...given.shown.nodes.values()].filter((one) => looks(given).node(one).forceLabel).length;

  it("force the names of few neighbours, of many only that of the node itself", () => {
    expect(forced(star(12))).toBe(13);
    expect(forced(star(13))).toBe(1);
  });

  it("draw what is around the ring smaller than any member of it", () => {
    const { node: look } = looks(star(1));
    const around = look(node("member", "n000", { score: 1 }));
    expect(around.size).toBeLessThan(look(node("member", "z", { score: 0 })).size);
    expect(look(node("product", "p", { degree: 1e6 })).size).toBeLessThan(look(node("device", "d", { degree: 1 })).size);
  });
});

describe("the frame", () => {
  it("holds all places, upwards positive", () => {
    expect(boxOf([{ x: 1, y: 2 }, { x: -3, y: 7 }])).toEqual({ x: [-3.5, 1.5], y: [-7.5, -1.5] });
    expect(boxOf([])).toBeNull();
  });

  it("draws nodes smaller where there is little room, and never too small to be seen", () => {
    const box = boxOf([{ x: 0, y: 0 }, { x: 40, y: 20 }]);
    if (!box) throw new Error("no box");
    expect(shareOf(box, 2000, 1000)).toBe(1);
    const small = shareOf(box, 600, 200);
    expect(small).toBeLessThan(1);
    expect(shareOf(box, 600, 170)).toBeLessThan(small);
    expect(shareOf(box, 10, 10)).toBe(0.4);
  });
});

describe("attributes", () => {
  it("keep their order where only the paint differs", () => {
    const have = { x: 1, depth: "edges", color: "red", label: "a" };
    expect(keepsOrder(have, { color: "blue", depth: "edges" })).toBe(true);
    expect(keepsOrder(have, { labelVisibility: "visible" })).toBe(true);
    for (const wanted of [{ x: 2 }, { depth: "topEdges" }, { label: "b" }]) expect(keepsOrder(have, wanted)).toBe(false);
  });
});

describe("layout", () => {
  it("is the same for the same ring, in whatever order it comes", () => {
    const turned = { ...graph(), nodes: graph().nodes.reverse(), edges: graph().edges.reverse() };
    expect(layout(merge(turned, []))).toEqual(layout(merge(graph(), [])));
  });

  it("keeps what stood when a node is expanded, and puts the new ones apart", () => {
    const before = layout(merge(graph(), []));
    const after = extend(before, merge(graph(), [piece()]));
    for (const [id, place] of before) expect(after.get(id)).toEqual(place);
    expect(after.size).toBe(8);
    expect(new Set([...after.values()].map(({ x, y }) => `${x},${y}`)).size).toBe(8);
  });

  it("fans out what comes with a node: apart from each other and from all that stood, the same every time", () => {
    const near = Array.from({ length: 120 }, (_, i) => node("member", `n${i}`));
    const many: Expansion = {
      node: "device:d", total: 120, reached: 120,
      pieces: [{ nodes: near, events: [], edges: near.map((one) => edge(one.id, "device:d", [])), events_total: 0, truncated: false }],
    };
    const before = layout(merge(graph(), []));
    const shown = merge(graph(), [many]);
    const after = extend(before, shown);
    const points = [...after.values()];
    const fresh = near.map((one) => after.get(one.id) ?? { x: NaN, y: NaN });
    for (const point of fresh) {
      const distances = points.filter((other) => other !== point).map((other) => Math.hypot(other.x - point.x, other.y - point.y));
      // Nine pixels a unit are drawn in full size: nodes around a ring are about ten pixels wide.
      expect(Math.min(...distances) * 9).toBeGreaterThan(12);
    }
    expect(extend(before, shown)).toEqual(after);
  });

  it("gives finite places to two thousand nodes, no two the same", () => {
    const members = Array.from({ length: 1500 }, (_, i) => node("member", `m${i}`));
    const devices = Array.from({ length: 500 }, (_, i) => node("device", `d${i}`));
    const edges = Array.from({ length: 5000 }, (_, i) => edge(`member:m${(i * 7) % 1500}`, `device:d${(i * 13 + (i % 11)) % 500}`, [], { id: `${i}` }));
    const places = layout(merge({ nodes: [...members, ...devices], events: [], edges, events_total: 0, truncated: false }, []));
    expect([...places.values()].every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))).toBe(true);
    expect(new Set([...places.values()].map(({ x, y }) => `${x},${y}`)).size).toBe(2000);
  });
});

describe("labels", () => {
  const spot = (id: string, x: number, forced = false) => ({ id, x, y: 50, radius: 5, text: "abcdefgh", forced });

  it("finds another side where one is taken, and leaves out what has no room", () => {
    const sides = arrange([spot("a", 100), spot("b", 120)], 400, 100);
    expect(sides.get("b")).toBe("right");
    expect(sides.get("a")).toBe("left");
    expect(arrange([spot("a", 10), spot("b", 12), spot("c", 14), spot("d", 16), spot("e", 18)], 60, 60).size).toBeLessThan(5);
  });

  it("would rather cover a faded node than be left out, and never a label or a lit node", () => {
    const wall = ["above", "below", "left", "right"].map((id, i) => ({
      id, x: 100 + [0, 0, -45, 45][i], y: 50 + [-15, 15, 0, 0][i], radius: 8, text: "", forced: false,
    }));
    const one = spot("a", 100);
    expect(arrange([one, ...wall], 400, 100).get("a")).toBeUndefined();
    expect(arrange([one, ...wall.map((other) => ({ ...other, faded: true }))], 400, 100).get("a")).toBe("right");
    // Labels that must be shown cover nodes before they cover each other.
    const heap = ["a", "b", "c", "d"].map((id) => spot(id, 100, true));
    expect([...arrange([...heap, ...wall], 400, 100).values()]).toEqual(["right", "left", "below", "above"]);
  });

  it("shows the forced ones in any case", () => {
    expect(arrange([spot("a", 10, true), spot("b", 12, true)], 30, 60).size).toBe(2);
  });
});

describe("the window", () => {
  const all = { from: 0, to: 100 };

  it("never turns round and never leaves the whole", () => {
    expect(moved(all, { from: 20, to: 60 }, "from", 80)).toEqual({ from: 60, to: 60 });
    expect(moved(all, { from: 20, to: 60 }, "to", -Infinity)).toEqual({ from: 20, to: 20 });
    expect(moved(all, { from: 20, to: 60 }, "to", Infinity)).toEqual({ from: 20, to: 100 });
  });

  it("counts every event in one bar", () => {
    const events = graph().events;
    const span = spanOf(events) ?? all;
    expect(bins(events, span, 3, null)).toEqual([1, 1, 2]);
    expect(bins(events, span, 3, new Set(["e4"]))).toEqual([0, 0, 1]);
    expect(bins(events.slice(0, 1), { from: span.from, to: span.from }, 4, null)).toEqual([1, 0, 0, 0]);
  });
});
