import { describe, expect, it } from "vitest";
import { EMPTY, format, parse, ringsQuery, type UrlState } from "../src/state/url";

const FULL: UrlState = {
  ring: "r-<b>&?#/ü",
  node: "device:d 5&x=1",
  from: "2024-01-01T00:00:00Z",
  to: "2024-02-01T00:00:00Z",
  hide: ["card", "product"],
  light: "shared:ip:::1",
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
      if (name === "from" || name === "to") continue;
      const one = { ...EMPTY, [name]: FULL[name] };
      expect(parse(`?${format(one)}`)).toEqual(one);
    }
  });

  it("takes nothing it does not know", () => {
    expect(parse("sort=nonsense&theme=pink&view=3d&tab=x&panel=y&lang=fr&desc=yes")).toEqual(EMPTY);
    expect(parse("from=2024-01-01T00:00:00Z")).toEqual(EMPTY);
    expect(parse("from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z")).toEqual(EMPTY);
    expect(parse("from=2024-99-01T00:00:00Z&to=2024-99-02T00:00:00Z")).toEqual(EMPTY);
  });

  it("asks the service for what it says", () => {
    expect(ringsQuery(FULL, "c")).toEqual({
      kind: "takeover", status: "new", case: "waiting", decision: "none", q: "a+b c", sort: "amount", desc: true, limit: 100, cursor: "c",
    });
  });
});
