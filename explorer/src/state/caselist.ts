/** The list of cases: what is open, what waits for approval, what was decided. */

import { batch, effect, signal } from "@preact/signals";
import type { Case, CasePage, RingRow } from "../api";
import { get, post, withQuery } from "../client";
import { findRow } from "./decided";
import { failed, persist, placeDecided } from "./load";
import { go, ring, say, session, t, url } from "./store";
import { casesQuery } from "./url";

export const caseRows = signal<Case[] | null>(null);
export const casesNext = signal<string | null>(null);
export const casesBusy = signal(false);

let order = new AbortController();

effect(() => {
  if (session.value !== null) return;
  order.abort();
  batch(() => {
    caseRows.value = null;
    casesNext.value = null;
  });
});

/** Take the pages after `start` until `count` rows are there. */
async function take(start: Case[], cursor: string | null, count: number, quietly = false): Promise<void> {
  order.abort();
  order = new AbortController();
  const { signal } = order;
  const user = session.value?.user;
  if (user === undefined) return;
  const query = url.value;
  let rows = start;
  let next = cursor;
  casesBusy.value = !quietly;
  try {
    do {
      const page = await persist(() => get<CasePage>(withQuery("cases", casesQuery(query, user, next)), signal), signal);
      rows = [...rows, ...page.cases];
      next = page.next;
    } while (next !== null && rows.length < count);
    batch(() => {
      caseRows.value = rows;
      casesNext.value = next;
      casesBusy.value = false;
    });
    if (!quietly) say(casesCount());
  } catch (error) {
    if (!signal.aborted) casesBusy.value = false;
    failed(error);
  }
}

export function loadCases(): Promise<void> {
  return take([], null, 1);
}

export function moreCases(): Promise<void> {
  const rows = caseRows.value ?? [];
  return take(rows, casesNext.value, rows.length + 1);
}

/** The list as it is now, as far as it is shown. */
export async function refreshCases(): Promise<void> {
  if (url.value.page === "cases" && caseRows.value !== null && !casesBusy.value) await take([], null, caseRows.value.length, true);
}

/** How many cases are shown, and whether these are all. */
export function casesCount(): string {
  const n = caseRows.value?.length ?? 0;
  return t(casesNext.value !== null ? "cases.first" : n === 1 ? "cases.one" : "cases.count", { n });
}

let choices = 0;

/** Show a case: the latest of a ring of the run in view beside that ring, any other beside the list. */
export async function chooseCase(found: Case): Promise<void> {
  const choice = ++choices;
  try {
    const row = found.unit === "ring" ? await findRow(found.id) : null;
    if (choice !== choices) return;
    if (row?.case?.case_id === found.case_id) showRing(row);
    else go({ caseId: found.case_id }, true);
  } catch (error) {
    failed(error);
  }
}

/** Show a case in the list of all. */
export function openCaseView(id: string): void {
  go({ page: "cases", caseId: id, cases: "all", mine: false }, true);
}

/** Open a ring of the run in view with its case. */
export function showRing(row: RingRow): void {
  placeDecided([row]);
  const other = ring.value?.ring_id === row.ring_id ? {} : { node: null, from: null, to: null, light: null, opened: [], pins: [], pathFrom: null, pathTo: null };
  go({ ...other, page: "rings", ring: row.ring_id, panel: "case", caseId: null }, true);
}

/** Open a case on a member or an order; it fails as the service says. */
export async function openOn(unit: string, id: string): Promise<void> {
  const found = await post<Case>("cases", { unit, id });
  go({ caseId: found.case_id }, true);
  await take([], null, caseRows.value?.length ?? 1, true);
}
