/** Loading: asks again by itself while the service is away, and drops answers that came too late. */

import { batch } from "@preact/signals";
import type { Neighborhood, Ring, RingPage, RingRow, Session } from "../api";
import { get, getIfChanged, path, Problem, setApiKey, withQuery } from "../client";
import { cut } from "../graph/light";
import { grow } from "../graph/model";
import {
  connection,
  counted,
  expansions,
  explain,
  go,
  hovered,
  needsKey,
  notice,
  ring,
  rings,
  ringsNext,
  ringsState,
  ringsTotal,
  ringState,
  say,
  session,
  shownRun,
  t,
  url,
} from "./store";
import { ringsQuery } from "./url";

const POLL = 15_000;
export const PIECE = 50;
/** Neighbours of one node that are shown at most: more is no picture any more. */
export const MOST = 500;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** What is being asked for again; once all came through, the service is there again. */
let waiting = 0;

/**
 * Ask until there is an answer. Breaks off with the problem when asking again cannot help,
 * and with `AbortError` when `signal` says that nobody wants the answer any more.
 */
export async function persist<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  let counts = false;
  try {
    for (let wait = 500; ; wait = Math.min(wait * 2, POLL)) {
      signal?.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Problem) || !error.passing) throw error;
        if (!counts) waiting++;
        counts = true;
        connection.value = error.status === 503 ? { kind: "notReady", detail: explain(error) } : { kind: "away" };
        await sleep(error.retryAfter !== null ? Math.min(error.retryAfter * 1000, POLL) : wait);
      }
    }
  } finally {
    if (counts) waiting--;
    if (waiting === 0) connection.value = { kind: "ok" };
  }
}

export function failed(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof Problem && error.status === 401) {
    needsKey.value = "yes";
    return;
  }
  notice.value = explain(error);
}

let sessionTag: string | null = null;

async function loadSession(): Promise<void> {
  const answer = await persist(() => getIfChanged<Session>("session", sessionTag));
  if (!answer) return;
  sessionTag = answer.etag;
  session.value = answer.value;
}

let listOrder = new AbortController();

export async function loadRings(more = false): Promise<void> {
  listOrder.abort();
  listOrder = new AbortController();
  const { signal } = listOrder;
  const cursor = more ? ringsNext.value : null;
  ringsState.value = "loading";
  try {
    const page = await persist(() => get<RingPage>(withQuery("rings", ringsQuery(url.value, cursor)), signal), signal);
    batch(() => {
      rings.value = more ? [...rings.value, ...page.rings] : page.rings;
      ringsTotal.value = page.total;
      ringsNext.value = page.next;
      if (!more || shownRun.value === null) shownRun.value = page.run;
      ringsState.value = "done";
    });
    say(t("list.count", { shown: rings.value.length, total: page.total }));
    if (url.value.ring === null && page.rings.length > 0) go({ ring: page.rings[0].ring_id });
  } catch (error) {
    if (!signal.aborted) ringsState.value = "done";
    failed(error);
  }
}

const known = new Map<string, Ring>();
const KNOWN = 20;
let ringOrder = new AbortController();

/** Forget the rings seen before: what was decided on them may have changed. */
export function forgetRings(): void {
  known.clear();
}

export async function loadRing(id: string | null): Promise<void> {
  ringOrder.abort();
  ringOrder = new AbortController();
  const { signal } = ringOrder;
  if (id === null) {
    show(null, "idle");
    return;
  }
  const before = known.get(id);
  if (before) {
    show(before, "done");
    return;
  }
  ringState.value = "loading";
  try {
    const found = await persist(() => get<Ring>(path("rings", id), signal), signal);
    if (known.size >= KNOWN) known.delete(known.keys().next().value ?? "");
    known.set(id, found);
    show(found, "done");
  } catch (error) {
    if (signal.aborted) return;
    show(null, error instanceof Problem && error.status === 404 ? "unknown" : "idle");
    if (!(error instanceof Problem && error.status === 404)) failed(error);
  }
}

function show(found: Ring | null, state: "idle" | "done" | "unknown"): void {
  batch(() => {
    if (found?.ring_id !== ring.value?.ring_id) {
      expansions.value = new Map();
      hovered.value = null;
    }
    ring.value = found;
    ringState.value = state;
  });
}

export type Decided = Pick<RingRow, "ring_id" | "decision" | "case">;

/** Put what was decided on rings in its place; their graphs stay the same values, and are not laid out anew. */
export function placeDecided(found: Decided[]): void {
  const by = new Map(found.map(({ ring_id, decision, case: brief }) => [ring_id, { decision, case: brief }]));
  batch(() => {
    for (const [id, held] of known) known.set(id, { ...held, ...by.get(id) });
    const now = ring.value;
    if (now && by.has(now.ring_id)) ring.value = { ...now, ...by.get(now.ring_id) };
    rings.value = rings.value.map((row) => ({ ...row, ...by.get(row.ring_id) }));
  });
}

/** Bring up to `most` more neighbours of a node, strongest tie first; whether there is anything new. */
async function bring(id: string, most: number): Promise<boolean> {
  const [type, key] = cut(id);
  const before = expansions.value.get(id);
  const offset = before?.reached ?? 0;
  const limit = Math.min(most, PIECE, MOST - offset);
  const now = ring.value;
  if (limit <= 0 || !now) return false;
  const query = withQuery("neighborhood", { type, key, limit, offset, as_of: now.as_of });
  const answer = await persist(() => get<Neighborhood>(query));
  if (ring.value?.ring_id !== now.ring_id || (expansions.value.get(id)?.reached ?? 0) !== offset) return false;
  expansions.value = new Map(expansions.value).set(id, { ...grow(before, answer, limit), node: id });
  return true;
}

/** Show the next neighbours of a node. */
export async function expand(id: string): Promise<void> {
  try {
    const nodes = counted.value?.nodes.size ?? 0;
    if (!(await bring(id, PIECE))) return;
    const count = expansions.value.get(id)?.reached ?? 0;
    const others = url.value.opened.some((one) => one.id === id)
      ? url.value.opened.map((one) => (one.id === id ? { id, count } : one))
      : [...url.value.opened, { id, count }];
    if (count > 0) go({ opened: others });
    say(t("node.expanded", { n: Math.max(0, (counted.value?.nodes.size ?? 0) - nodes) }));
  } catch (error) {
    failed(error);
  }
}

let reopening = 0;

/** Make the expanded nodes those that the address names: in its order, piece by piece, for the same picture. */
export async function reopen(): Promise<void> {
  const turn = ++reopening;
  const wanted = url.value.opened;
  if (ring.value?.ring_id !== url.value.ring) return;
  const kept = [...expansions.value].filter(([id, { reached }]) => wanted.some((one) => one.id === id && reached <= one.count));
  if (kept.length < expansions.value.size) expansions.value = new Map(kept);
  for (const { id, count } of wanted) {
    try {
      for (;;) {
        const now = expansions.value.get(id);
        const left = now ? Math.min(count, now.total) - now.reached : count;
        if (left <= 0 || !(await bring(id, left)) || turn !== reopening) break;
      }
    } catch (error) {
      failed(error);
    }
    if (turn !== reopening) return;
  }
}

export function collapse(id: string): void {
  const before = counted.value?.nodes.size ?? 0;
  const left = new Map(expansions.value);
  left.delete(id);
  expansions.value = left;
  go({ opened: url.value.opened.filter((one) => one.id !== id) });
  say(t("node.collapsed", { n: Math.max(0, before - (counted.value?.nodes.size ?? 0)) }));
}

async function poll(): Promise<void> {
  for (;;) {
    await sleep(POLL);
    if (needsKey.value !== "no" || document.hidden) continue;
    await loadSession().catch(failed);
  }
}

/** Ask for all that the first picture needs, at once. */
export function start(): void {
  loadSession().catch(failed);
  void loadRings();
  void loadRing(url.value.ring);
}

/** Show the run that is published now. */
export function reload(): void {
  known.clear();
  start();
}

export async function signIn(key: string): Promise<void> {
  setApiKey(key);
  needsKey.value = "no";
  try {
    await loadSession();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      setApiKey(null);
      needsKey.value = "bad";
      return;
    }
    failed(error);
  }
  void loadRings();
  void loadRing(url.value.ring);
}

export function signOut(): void {
  setApiKey(null);
  sessionTag = null;
  known.clear();
  batch(() => {
    session.value = null;
    rings.value = [];
    ring.value = null;
    needsKey.value = "yes";
  });
}

export function watch(): void {
  void poll();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && needsKey.value === "no") loadSession().catch(failed);
  });
}
