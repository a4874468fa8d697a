/** The state of the page that a link carries; pure. */

export const SORTS = ["rank", "score", "amount", "members", "first", "last"] as const;
export type Sort = (typeof SORTS)[number];
export type Lang = "en" | "zh";
export type Theme = "auto" | "light" | "dark";
export type View = "graph" | "table";
export type Tab = "events" | "shared" | "members" | "products";
export type Panel = "reasons" | "selected" | "case";

export const PAGES = ["rings", "pictures", "cases"] as const;
export type Page = (typeof PAGES)[number];
export const CASE_FILTERS = ["all", "open", "waiting", "resolved"] as const;
export type CaseFilter = (typeof CASE_FILTERS)[number];

/** A node that was expanded: how many of its neighbours are there. */
export interface Opened {
  id: string;
  count: number;
}

/** A node that stands where it was put. */
export interface Pin {
  id: string;
  x: number;
  y: number;
}

/** Expanded nodes and pins that an address carries: what is beyond is left out. */
export const MOST_CARRIED = 30;

export interface UrlState {
  page: Page;
  ring: string | null;
  node: string | null;
  /** Window of time, ISO text to the second; both or none. */
  from: string | null;
  to: string | null;
  hide: string[];
  /** What is lit up: `reason:0`, `counter:1`, `product:ID`, `shared:TYPE:ID`. */
  light: string | null;
  opened: Opened[];
  pins: Pin[];
  /** The two ends of a path. */
  pathFrom: string | null;
  pathTo: string | null;
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
  /** In the list of cases: the one that is open, and which are shown. */
  caseId: string | null;
  cases: CaseFilter;
  mine: boolean;
  test: boolean;
}

export const EMPTY: UrlState = {
  page: "rings",
  ring: null,
  node: null,
  from: null,
  to: null,
  hide: [],
  light: null,
  opened: [],
  pins: [],
  pathFrom: null,
  pathTo: null,
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
  caseId: null,
  cases: "all",
  mine: false,
  test: false,
};

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

function oneOf<T extends string>(value: string | null, allowed: readonly T[], fallback: T): T {
  return allowed.find((item) => item === value) ?? fallback;
}

function time(value: string | null): string | null {
  return value !== null && ISO.test(value) && Number.isFinite(Date.parse(value)) ? value : null;
}

/** Entries that `read` understands, of each id the first. */
function carried<T extends { id: string }>(texts: string[], read: (text: string) => T | null): T[] {
  const found = new Map<string, T>();
  for (const text of texts) {
    const entry = read(text);
    if (entry && !found.has(entry.id) && found.size < MOST_CARRIED) found.set(entry.id, entry);
  }
  return [...found.values()];
}

function readOpened(text: string): Opened | null {
  const parts = /^([1-9]\d{0,4}),(\w+:.+)$/s.exec(text);
  return parts && { id: parts[2], count: Number(parts[1]) };
}

function readPin(text: string): Pin | null {
  const parts = /^(-?\d{1,6}(?:\.\d{1,3})?),(-?\d{1,6}(?:\.\d{1,3})?),(.+)$/s.exec(text);
  return parts && { id: parts[3], x: Number(parts[1]), y: Number(parts[2]) };
}

/** A place as an address carries it. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000 || 0;
}

/** State of a query string; what it does not understand it leaves at its default. */
export function parse(query: string): UrlState {
  const got = new URLSearchParams(query);
  const from = time(got.get("from"));
  const to = time(got.get("to"));
  const window = from !== null && to !== null && from <= to;
  const lang = got.get("lang");
  const pathFrom = got.get("path") || null;
  return {
    page: oneOf(got.get("page"), PAGES, "rings"),
    ring: got.get("ring") || null,
    node: got.get("node") || null,
    from: window ? from : null,
    to: window ? to : null,
    hide: [...new Set(got.getAll("hide"))].filter(Boolean).sort(),
    light: got.get("light") || null,
    opened: carried(got.getAll("open"), readOpened),
    pins: carried(got.getAll("pin"), readPin),
    pathFrom,
    pathTo: pathFrom === null ? null : got.get("path-to") || null,
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
    caseId: got.get("case-id") || null,
    cases: oneOf(got.get("cases"), CASE_FILTERS, "all"),
    mine: got.get("mine") === "1",
    test: got.get("test") === "1",
  };
}

/** Query string of a state, without what stands at its default; `parse` gives the same state back. */
export function format(state: UrlState): string {
  const out = new URLSearchParams();
  const put = (name: string, value: string | null, standard: string | null = null): void => {
    if (value !== null && value !== "" && value !== standard) out.append(name, value);
  };
  put("page", state.page, EMPTY.page);
  put("ring", state.ring);
  put("node", state.node);
  put("from", state.from);
  put("to", state.to);
  state.hide.forEach((type) => put("hide", type));
  put("light", state.light);
  state.opened.slice(0, MOST_CARRIED).forEach(({ id, count }) => put("open", `${count},${id}`));
  state.pins.slice(0, MOST_CARRIED).forEach(({ id, x, y }) => put("pin", `${rounded(x)},${rounded(y)},${id}`));
  put("path", state.pathFrom);
  if (state.pathFrom !== null) put("path-to", state.pathTo);
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
  put("case-id", state.caseId);
  put("cases", state.cases, EMPTY.cases);
  put("mine", state.mine ? "1" : null);
  put("test", state.test ? "1" : null);
  return out.toString();
}

/** What is no step that one goes back over: how the lists are filtered and sorted, and how the page looks. */
export function settings(state: UrlState): Partial<UrlState> {
  const { q, kind, status, state: caseState, decision, sort, desc, cases, mine, lang, theme, view, list } = state;
  return { q, kind, status, state: caseState, decision, sort, desc, cases, mine, lang, theme, view, list };
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

/** Query of the list of cases for a state, as `user` asks for it. */
export function casesQuery(state: UrlState, user: string, cursor: string | null): Record<string, string | number | null> {
  return { state: state.cases === "all" ? null : state.cases, assignee: state.mine ? user : null, limit: 100, cursor };
}
