import { describe, expect, it } from "vitest";
import { casesQuery, EMPTY, format, MOST_CARRIED, parse, ringsQuery, settings, type UrlState } from "../src/state/url";

const FULL: UrlState = {
  page: "pictures",
  ring: "r-<b>&?#/ü",
  node: "device:d 5&x=1",
  from: "2024-01-01T00:00:00Z",
  to: "2024-02-01T00:00:00Z",
  hide: ["card", "product"],
  light: "shared:ip:::1",
  opened: [
    { id: "device:d 5&x=1", count: 50 },
    { id: "ip:::1", count: 100 },
  ],
  pins: [{ id: "member:a,b\nc", x: -1.25, y: 0.001 }],
  pathFrom: "member:a",
  pathTo: "card:1,2:3",
  q: "a+b c",
  kind: "takeover",
  status: "new",
  state: "waiting",
  decision: "none",
  sort: "amount",
  desc: true,
  lang: "zh",
  theme: "dark",
  view: "table",
  tab: "products",
  panel: "case",
  list: false,
  caseId: "c-1&x=ü",
  cases: "waiting",
  mine: true,
  test: true,
};

describe("the address", () => {
  it("says nothing of what stands at its default", () => {
    expect(format(EMPTY)).toBe("");
    expect(parse("")).toEqual(EMPTY);
  });

  it("gives every state back", () => {
    expect(parse(format(FULL))).toEqual(FULL);
    for (const name of Object.keys(FULL) as (keyof UrlState)[]) {
      if (name === "from" || name === "to" || name === "pathTo") continue;
      const one = { ...EMPTY, [name]: FULL[name] };
      expect(parse(`?${format(one)}`)).toEqual(one);
    }
  });

  it("keeps settings over steps back and forth, and leaves to the step what it showed", () => {
    const back = { ...parse("ring=r-2&node=ip:1&light=reason:1&page=cases&q=old"), ...settings(FULL) };
    expect(back).toMatchObject({ q: "a+b c", kind: "takeover", status: "new", state: "waiting", decision: "none", sort: "amount", desc: true });
    expect(back).toMatchObject({ lang: "zh", theme: "dark", list: false });
    expect(back).toMatchObject({ page: "cases", ring: "r-2", node: "ip:1", light: "reason:1", from: null, opened: [], pathFrom: null });
  });

  it("takes nothing it does not know", () => {
    expect(parse("page=nowhere&cases=none&mine=yes&sort=nonsense&theme=pink&view=3d&tab=x&panel=y&lang=fr&desc=yes")).toEqual(EMPTY);
    expect(parse("from=2024-01-01T00:00:00Z")).toEqual(EMPTY);
    expect(parse("from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z")).toEqual(EMPTY);
    expect(parse("from=2024-99-01T00:00:00Z&to=2024-99-02T00:00:00Z")).toEqual(EMPTY);
  });

  it("rounds the places of pins, and carries thirty of them", () => {
    const pins = Array.from({ length: 40 }, (_, i) => ({ id: `member:${i}`, x: 1 / 3, y: -1e-9 }));
    const opened = pins.map(({ id }) => ({ id, count: 50 }));
    const back = parse(format({ ...EMPTY, pins, opened }));
    expect([back.pins.length, back.opened.length]).toEqual([MOST_CARRIED, MOST_CARRIED]);
    expect(back.pins[29]).toEqual({ id: "member:29", x: 0.333, y: 0 });
  });

  it("takes no pin or expanded node that it cannot read", () => {
    const bad = ["open=0,device:d", "open=x,device:d", "open=5", "open=50,nocolon", "pin=1,NaN,a", "pin=1,2", "pin=1e9,2,a", "path-to=b"];
    for (const query of bad) expect(parse(query)).toEqual(EMPTY);
    expect(parse("open=50,device:d&open=100,device:d").opened).toEqual([{ id: "device:d", count: 50 }]);
  });

  it("asks the service for what it says", () => {
    expect(ringsQuery(FULL, "c")).toEqual({
      kind: "takeover", status: "new", case: "waiting", decision: "none", q: "a+b c", sort: "amount", desc: true, limit: 100, cursor: "c",
    });
    expect(casesQuery(FULL, "ana", "c-7")).toEqual({ state: "waiting", assignee: "ana", limit: 100, cursor: "c-7" });
    expect(casesQuery(EMPTY, "ana", null)).toEqual({ state: null, assignee: null, limit: 100, cursor: null });
  });
});
