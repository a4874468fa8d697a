/** What others decide while the page is open: asked for again when the session says that something changed. */

import { effect, untracked } from "@preact/signals";
import { Problem } from "../client";
import { refreshCases } from "./caselist";
import { refreshCase } from "./cases";
import { refreshRing, refreshRows } from "./decided";
import { failed, forgetRings } from "./load";
import { ring, session } from "./store";

let order = new AbortController();

async function refresh(): Promise<void> {
  order.abort();
  order = new AbortController();
  const { signal } = order;
  forgetRings();
  const id = ring.value?.ring_id;
  try {
    await Promise.all([refreshRows(signal), id === undefined ? null : refreshRing(id, signal), refreshCase(), refreshCases()]);
  } catch (error) {
    // A list that changed once more refuses its old cursors: the session says so, too, and this begins again.
    if (!signal.aborted && !(error instanceof Problem && error.status === 422)) failed(error);
  }
}

let seen: string | null = null;
effect(() => {
  const now = session.value?.changed ?? null;
  untracked(() => {
    if (now !== null && seen !== null && now !== seen) void refresh();
    seen = now;
  });
});
