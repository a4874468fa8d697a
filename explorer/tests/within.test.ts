import { describe, expect, it } from "vitest";
import type { GraphData, Product, SharedValue } from "../src/api";
import { merge, recount, type Span } from "../src/graph/model";
import { eventsNear, incomplete, lifeOfEdges, lifeWithin, memberRows, neighborsWithin, productsWithin, sharedWithin } from "../src/graph/within";
import { edge, event, graph, node } from "./data";

const MEMBERS = new Set(["a", "b", "c"]);
const NONE = new Set<string>();
const days = (from: number, to: number): Span => ({ from: Date.UTC(2024, 0, from), to: Date.UTC(2024, 0, to) });
const ids = (rows: { member_id: string }[]) => rows.map((row) => row.member_id);

/** The graph of all tests with what one buys, reviews and pays in two currencies, and a stranger's event. */
function market(): GraphData {
  const bought = { kind: "purchase", product_id: "q" };
  return {
    ...graph(),
    events: [
      ...graph().events,
      event("q1", "2024-01-01T12:00:00Z", "a", { ...bought, amount: 10, currency: "EUR" }),
      event("q2", "2024-01-02T12:00:00Z", "b", { ...bought, amount: 5, currency: "EUR" }),
      event("q3", "2024-01-02T13:00:00Z", "b", { ...bought, amount: 900, currency: "USD" }),
      event("q4", "2024-01-03T12:00:00Z", "b", { kind: "review", product_id: "q", rating: 5 }),
      event("q5", "2024-01-03T13:00:00Z", "c", { kind: "review", product_id: "q", rating: 2 }),
      event("q6", "2024-01-03T14:00:00Z", "c", { kind: "view", product_id: "q" }),
      event("q7", "2024-01-03T15:00:00Z", "stranger", { kind: "review", product_id: "q", rating: 1, device_id: "d" }),
    ],
    nodes: [...graph().nodes, node("member", "stranger"), node("seller", "s", { degree: 0 })],
    edges: [
      ...graph().edges,
      edge("member:stranger", "device:d", ["q7"]),
      edge("member:a", "seller:s", ["q1"], { events: 3, first: "2023-12-01T00:00:00Z", last: "2024-01-05T00:00:00Z" }),
    ],
  };
}

const shown = merge(market(), []);
const within = (window: Span | null, hidden = NONE) => recount(shown, window, hidden);

describe("shared values in a window", () => {
  const row = (type: string, id: string): SharedValue => ({ type, id, members: 9, events: 99, first: "long ago", last: "at last", surprise: 4.5 });
  const rows = [row("device", "d"), row("card", "k"), row("seller", "s")];

  it("count the members, events, first and last of the window, and keep the surprise of the whole time", () => {
    const found = sharedWithin(rows, MEMBERS, shown, within(days(1, 4)));
    expect(found).toEqual([
      { ...rows[0], members: 2, events: 2, first: "2024-01-01T10:00:00Z", last: "2024-01-02T10:00:00.500000Z" },
      { ...rows[1], members: 1, events: 1, first: "2024-01-03T10:00:00Z", last: "2024-01-03T10:00:00Z" },
      { ...rows[2], members: 1, events: 1, first: "2024-01-01T12:00:00Z", last: "2024-01-01T12:00:00Z" },
    ]);
  });

  it("are left out where no member of the ring used them, also when a stranger did", () => {
    expect(sharedWithin(rows, MEMBERS, shown, within(days(3, 4))).map((one) => one.id)).toEqual(["k"]);
    expect(sharedWithin(rows, MEMBERS, shown, within(days(20, 21)))).toEqual([]);
  });

  it("do not depend on which types are hidden in the picture", () => {
    const window = days(1, 4);
    expect(sharedWithin(rows, MEMBERS, shown, within(window, new Set(["device", "card"])))).toEqual(sharedWithin(rows, MEMBERS, shown, within(window)));
  });
});

describe("products in a window", () => {
  const row = (product_id: string, events: number): Product => ({
    product_id, members: 9, events, amount: 99, reviews: 9, mean_rating: 1, seller_id: "s", category: "c",
  });
  const rows = [row("q", 6), row("p", 12)];

  it("count buyers and reviewers, the events of members, one currency, and the mean of the ratings", () => {
    expect(productsWithin(rows, "EUR", MEMBERS, within(days(1, 31)))).toEqual([
      { ...rows[0], members: 3, events: 6, amount: 15, reviews: 2, mean_rating: 3.5 },
      { ...rows[1], members: 2, events: 2, amount: 0, reviews: 0, mean_rating: null },
    ]);
    expect(productsWithin(rows, "USD", MEMBERS, within(days(2, 3)))).toEqual([{ ...rows[0], members: 1, events: 2, amount: 900, reviews: 0, mean_rating: null }]);
  });

  it("are left out where nothing happened with them", () => {
    expect(productsWithin(rows, "EUR", MEMBERS, within(days(1, 2))).map((one) => one.product_id)).toEqual(["q"]);
  });

  it("are said to be incomplete where the service counted more events than the graph holds", () => {
    expect(incomplete(rows, MEMBERS, shown)).toBe(1);
    expect(incomplete([row("q", 6), row("p", 2)], MEMBERS, shown)).toBe(0);
    expect(incomplete([row("unheard of", 1)], MEMBERS, shown)).toBe(1);
  });
});

describe("members in a window", () => {
  const rows = ["a", "b", "c", "z"].map((member_id) => ({ member_id, score: 1, role: "core" }));

  it("are those that did something, with what they did", () => {
    const now = within(days(3, 4));
    expect(ids(memberRows(rows, shown, now, false))).toEqual(["b", "c"]);
    expect(memberRows(rows, shown, now, false)[0]).toMatchObject({ events: 2, values: 1 });
  });

  it("are all without a window", () => {
    expect(ids(memberRows(rows, shown, within(null), true))).toEqual(["a", "b", "c", "z"]);
  });
});

describe("a node in a window", () => {
  it("has the events of its edges, and a member all of its own", () => {
    expect(lifeWithin(shown, within(days(2, 31)), "device:d")).toEqual({ events: 2, first: "2024-01-02T10:00:00.500000Z", last: "2024-01-03T15:00:00Z" });
    expect(lifeWithin(shown, within(days(2, 3)), "member:b")).toEqual({ events: 3, first: "2024-01-02T10:00:00.500000Z", last: "2024-01-02T13:00:00Z" });
    expect(lifeWithin(shown, within(days(20, 21)), "member:b")).toEqual({ events: 0, first: null, last: null });
    expect(eventsNear(shown, "nobody")).toBeNull();
  });

  it("has of the whole time what the service counted, also where the graph holds less", () => {
    expect(lifeOfEdges(shown, "seller:s")).toEqual({ events: 3, first: "2023-12-01T00:00:00Z", last: "2024-01-05T00:00:00Z" });
    expect(lifeOfEdges(shown, "member:z")).toEqual({ events: 0, first: null, last: null });
  });

  it("has the neighbours of that time", () => {
    expect(neighborsWithin(shown, within(null), "device:d")).toEqual(["member:a", "member:b", "member:stranger"]);
    expect(neighborsWithin(shown, within(days(2, 3)), "device:d")).toEqual(["member:b"]);
    expect(neighborsWithin(shown, within(null, new Set(["card"])), "member:b")).toEqual(["device:d"]);
  });
});
