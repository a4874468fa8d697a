/** What was decided on rings, asked for again: the rings themselves stay as they are. */

import { batch } from "@preact/signals";
import type { RingPage, RingRow } from "../api";
import { get, withQuery } from "../client";
import { persist, placeDecided } from "./load";
import { rings, ringsNext, ringsState, ringsTotal, shownRun, url } from "./store";
import { ringsQuery } from "./url";

const PAGE = 100;
const LONGEST = 500;

/** The ring as it stands in the list of the run in view; `null` where that does not hold it. */
export async function findRow(id: string, signal?: AbortSignal): Promise<RingRow | null> {
  const query = withQuery("rings", { q: id, limit: LONGEST });
  const page = await persist(() => get<RingPage>(query, signal), signal);
  return page.rings.find((row) => row.ring_id === id) ?? null;
}

/** Ask again what was decided on a ring. */
export async function refreshRing(id: string, signal?: AbortSignal): Promise<void> {
  const row = await findRow(id, signal);
  if (row) placeDecided([row]);
}

/** As many rows as are shown, as the service has them now. */
async function rowsAgain(count: number, signal: AbortSignal): Promise<RingPage> {
  let page: RingPage = { run: null, total: 0, rings: [], next: null };
  const rows: RingRow[] = [];
  do {
    const limit = Math.min(LONGEST, Math.max(PAGE, count - rows.length));
    const query = withQuery("rings", { ...ringsQuery(url.value, page.next), limit });
    page = await persist(() => get<RingPage>(query, signal), signal);
    rows.push(...page.rings);
  } while (page.next !== null && rows.length < count);
  return { ...page, rings: rows };
}

/** The list with its decisions as they are now; of a run that is not in view it takes these alone. */
export async function refreshRows(signal: AbortSignal): Promise<void> {
  const before = rings.value.length;
  const query = JSON.stringify(ringsQuery(url.value, null));
  const page = await rowsAgain(before, signal);
  const asShown =
    page.run?.run_id === shownRun.value?.run_id &&
    ringsState.value === "done" &&
    rings.value.length === before &&
    JSON.stringify(ringsQuery(url.value, null)) === query;
  batch(() => {
    placeDecided(page.rings);
    if (!asShown) return;
    rings.value = page.rings;
    ringsTotal.value = page.total;
    ringsNext.value = page.next;
  });
}
