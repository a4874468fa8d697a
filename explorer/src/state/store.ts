/** The state of the page: what the service said, what the address says, and what follows from both. */

import { computed, signal } from "@preact/signals";
import type { GraphData, Ring, RingRow, Run, Session } from "../api";
import { Problem } from "../client";
import { at, visible } from "../format";
import { lightOf } from "../graph/light";
import { extend, layout, type Point } from "../graph/layout";
import { DARK, LIGHT, type Scene } from "../graph/look";
import { merge, recount, spanOf, type Expansion, type Span } from "../graph/model";
import { shortestPath } from "../graph/path";
import { preferred, translate, word, type Key } from "../i18n";
import { format, parse, rounded, settings, type UrlState } from "./url";

export type Connection = { kind: "ok" } | { kind: "away" } | { kind: "notReady"; detail: string };
export type Loading = "idle" | "loading" | "done" | "unknown";

export const url = signal<UrlState>(parse(location.search));
export const session = signal<Session | null>(null);
export const connection = signal<Connection>({ kind: "ok" });
export const needsKey = signal<"no" | "yes" | "bad">("no");
/** Run that the page shows; another one in the session means that a newer one was published. */
export const shownRun = signal<Run | null>(null);
export const notice = signal<string | null>(null);
export const spoken = signal("");

export const rings = signal<RingRow[]>([]);
export const ringsTotal = signal(0);
export const ringsNext = signal<string | null>(null);
export const ringsState = signal<Loading>("idle");

export const ring = signal<Ring | null>(null);
export const ringState = signal<Loading>("idle");

export const expansions = signal<ReadonlyMap<string, Expansion>>(new Map());
export const hovered = signal<string | null>(null);
export const webgl = signal(true);

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const prefersDark = signal(systemDark.matches);
systemDark.addEventListener("change", (event) => (prefersDark.value = event.matches));

function addressOf(query: string): string {
  return query ? `?${query}` : location.pathname;
}

/** Go where the browser went back or forth to; the list and the page's settings stay as they are. */
export function returnTo(query: string): void {
  const next = { ...parse(query), ...settings(url.value) };
  const wanted = format(next);
  if (wanted !== format(parse(query))) history.replaceState(null, "", addressOf(wanted));
  if (wanted !== format(url.value)) url.value = next;
}

/** Change the address; a step that a person would go back over makes an entry in the history. */
export function go(change: Partial<UrlState>, step = false): void {
  const next = { ...url.value, ...change };
  const query = format(next);
  const same = query === format(url.value);
  // An address carries only so many pins and expanded nodes; the page shows all.
  if (same && !("pins" in change || "opened" in change)) return;
  // The address first: what follows from the new state may change the address once more.
  if (!same) history[step ? "pushState" : "replaceState"](null, "", addressOf(query));
  url.value = next;
}

export const lang = computed(() => url.value.lang ?? preferred(navigator.languages));
export const dark = computed(() => url.value.theme === "dark" || (url.value.theme === "auto" && prefersDark.value));

export function t(key: Key, values?: Record<string, string | number>): string {
  return translate(lang.value, key, values);
}

export function w(group: string, value: string): string {
  return word(lang.value, group, value);
}

/** One line about a failure, with what to do where the service says so. */
export function explain(error: unknown): string {
  if (error instanceof Problem) {
    if (error.status === 0) return t("banner.away");
    return visible(error.hint ? `${error.message} ${error.hint}` : error.message);
  }
  return visible(error instanceof Error ? error.message : String(error));
}

export function say(text: string): void {
  spoken.value = text;
}

export const pathFrom = computed(() => url.value.pathFrom);
export const pathTo = computed(() => url.value.pathTo);
const pinText = computed(() => JSON.stringify(url.value.pins));
export const pins = computed<ReadonlyMap<string, Point>>(() =>
  pinText.value === "[]" ? new Map() : new Map(url.peek().pins.map(({ id, x, y }) => [id, { x, y }])),
);

/** Put a node to a place where it stays; `null` lets it go. */
export function pin(id: string, place: Point | null): void {
  const others = url.value.pins.filter((one) => one.id !== id);
  go({ pins: place ? [...others, { id, x: rounded(place.x), y: rounded(place.y) }] : others });
}

export function clearPath(): void {
  go({ pathFrom: null, pathTo: null });
}

const hideText = computed(() => url.value.hide.join("\n"));
export const hidden = computed(() => new Set(hideText.value ? hideText.value.split("\n") : []));
// The same graph stays the same value while the case around it changes: nothing is laid out anew.
const ringGraph = computed(() => ring.value?.graph ?? null);
export const shown = computed(() => (ringGraph.value ? merge(ringGraph.value, expansions.value.values()) : null));
export const wholeSpan = computed(() => (shown.value ? spanOf(shown.value.events.values()) : null));

const fromText = computed(() => url.value.from);
const toText = computed(() => url.value.to);
export const span = computed<Span | null>(() =>
  fromText.value !== null && toText.value !== null ? { from: at(fromText.value), to: at(toText.value) } : null,
);
export const counted = computed(() => (shown.value ? recount(shown.value, span.value, hidden.value) : null));

const lightText = computed(() => url.value.light);
export const light = computed(() =>
  ring.value && shown.value && counted.value ? lightOf(lightText.value, ring.value, shown.value, counted.value) : null,
);
export const path = computed(() => {
  if (!shown.value || !counted.value || pathFrom.value === null || pathTo.value === null) return null;
  return shortestPath(shown.value, counted.value, pathFrom.value, pathTo.value);
});

const basePlaces = computed(() => (ringGraph.value ? layout(merge(ringGraph.value, [])) : new Map<string, Point>()));
let kept: { of: GraphData | null; places: Map<string, Point> } = { of: null, places: new Map() };

/** Places of all nodes. What stood before an expansion stays where it stood. */
export const places = computed(() => {
  if (!shown.value || !ringGraph.value) return new Map<string, Point>();
  const before = kept.of === ringGraph.value ? kept.places : new Map<string, Point>();
  const start = new Map([...before, ...basePlaces.value, ...pins.value]);
  kept = { of: ringGraph.value, places: extend(start, shown.value) };
  return kept.places;
});

export const selected = computed(() => url.value.node);
const memberKeys = computed(() => new Set(ring.value?.members.map((member) => member.member_id) ?? []));
export const palette = computed(() => (dark.value ? DARK : LIGHT));
const pinned = computed(() => new Set(pins.value.keys()));

export const scene = computed<Scene | null>(() =>
  shown.value && counted.value
    ? {
        shown: shown.value,
        counted: counted.value,
        light: light.value,
        path: path.value,
        selected: selected.value,
        hovered: hovered.value,
        members: memberKeys.value,
        pinned: pinned.value,
        hidden: hidden.value,
        palette: palette.value,
      }
    : null,
);

export const useSvg = computed(() => url.value.view === "table" || !webgl.value);
export const mayAct = computed(() => session.value !== null && session.value.role !== "viewer");
export const newerRun = computed(() => {
  const run = session.value?.run ?? null;
  return run !== null && ringsState.value === "done" && run.run_id !== shownRun.value?.run_id ? run : null;
});

/** Words for what is lit up. */
export function lightName(text: string): string {
  const [what, ...rest] = text.split(":");
  if (what === "reason") return t("reasons.reason", { n: Number(rest[0]) + 1 });
  if (what === "counter") return t("reasons.counter", { n: Number(rest[0]) + 1 });
  if (what === "product") return `${w("type", "product")} ${rest.join(":")}`;
  return `${w("type", rest[0] ?? "")} ${rest.slice(1).join(":")}`;
}
