/** The state of the page that a link carries; pure. */

export const SORTS = ["rank", "score", "amount", "members", "first", "last"] as const;
export type Sort = (typeof SORTS)[number];
export type Lang = "en" | "zh";
export type Theme = "auto" | "light" | "dark";
export type View = "graph" | "table";
export type Tab = "events" | "shared" | "members" | "products";
export type Panel = "reasons" | "selected" | "case";

export interface UrlState {
  ring: string | null;
  node: string | null;
  /** Window of time, ISO text to the second; both or none. */
  from: string | null;
  to: string | null;
  hide: string[];
  /** What is lit up: `reason:0`, `counter:1`, `product:ID`, `shared:TYPE:ID`. */
  light: string | null;
  q: string;
  kind: string;
  status: string;
  state: string;
  decision: string;
  sort: Sort;
  desc: boolean;
  lang: Lang | null;
  theme: Theme;
  view: View;
  tab: Tab;
  panel: Panel;
  list: boolean;
  test: boolean;
}

export const EMPTY: UrlState = {
  ring: null,
  node: null,
  from: null,
  to: null,
  hide: [],
  light: null,
  q: "",
  kind: "",
  status: "",
  state: "",
  decision: "",
  sort: "rank",
  desc: false,
  lang: null,
  theme: "auto",
  view: "graph",
  tab: "events",
  panel: "reasons",
  list: true,
  test: false,
};

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

function oneOf<T extends string>(value: string | null, allowed: readonly T[], fallback: T): T {
  return allowed.find((item) => item === value) ?? fallback;
}

function time(value: string | null): string | null {
  return value !== null && ISO.test(value) && Number.isFinite(Date.parse(value)) ? value : null;
}

/** State of a query string; what it does not understand it leaves at its default. */
export function parse(query: string): UrlState {
  const got = new URLSearchParams(query);
  const from = time(got.get("from"));
  const to = time(got.get("to"));
  const window = from !== null && to !== null && from <= to;
  const lang = got.get("lang");
  return {
    ring: got.get("ring") || null,
    node: got.get("node") || null,
    from: window ? from : null,
    to: window ? to : null,
    hide: [...new Set(got.getAll("hide"))].filter(Boolean).sort(),
    light: got.get("light") || null,
    q: got.get("q") ?? "",
    kind: got.get("kind") ?? "",
    status: got.get("status") ?? "",
    state: got.get("case") ?? "",
    decision: got.get("decision") ?? "",
    sort: oneOf(got.get("sort"), SORTS, "rank"),
    desc: got.get("desc") === "1",
    lang: lang === "en" || lang === "zh" ? lang : null,
    theme: oneOf(got.get("theme"), ["auto", "light", "dark"], "auto"),
    view: oneOf(got.get("view"), ["graph", "table"], "graph"),
    tab: oneOf(got.get("tab"), ["events", "shared", "members", "products"], "events"),
    panel: oneOf(got.get("panel"), ["reasons", "selected", "case"], "reasons"),
    list: got.get("list") !== "0",
    test: got.get("test") === "1",
  };
}

/** Query string of a state, without what stands at its default; `parse` gives the same state back. */
export function format(state: UrlState): string {
  const out = new URLSearchParams();
  const put = (name: string, value: string | null, standard: string | null = null): void => {
    if (value !== null && value !== "" && value !== standard) out.append(name, value);
  };
  put("ring", state.ring);
  put("node", state.node);
  put("from", state.from);
  put("to", state.to);
  state.hide.forEach((type) => put("hide", type));
  put("light", state.light);
  put("q", state.q);
  put("kind", state.kind);
  put("status", state.status);
  put("case", state.state);
  put("decision", state.decision);
  put("sort", state.sort, EMPTY.sort);
  put("desc", state.desc ? "1" : null);
  put("lang", state.lang);
  put("theme", state.theme, EMPTY.theme);
  put("view", state.view, EMPTY.view);
  put("tab", state.tab, EMPTY.tab);
  put("panel", state.panel, EMPTY.panel);
  put("list", state.list ? null : "0");
  put("test", state.test ? "1" : null);
  return out.toString();
}

/** Query of the ring list for a state. */
export function ringsQuery(state: UrlState, cursor: string | null): Record<string, string | number | boolean | null> {
  return {
    kind: state.kind,
    status: state.status,
    case: state.state,
    decision: state.decision,
    q: state.q,
    sort: state.sort,
    desc: state.desc,
    limit: 100,
    cursor,
  };
}
