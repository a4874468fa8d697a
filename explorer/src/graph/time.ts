/** The window of time; pure. */

import type { GraphEvent } from "../api";
import { momentOf, type Span } from "./model";

export type End = "from" | "to";

/** Events in each of `count` equal stretches of `all`, of those in `only` where it is given. */
export function bins(events: GraphEvent[], all: Span, count: number, only: ReadonlySet<string> | null): number[] {
  const result = new Array<number>(count).fill(0);
  const length = all.to - all.from || 1;
  for (const event of events) {
    if (only && !only.has(event.event_id)) continue;
    const place = Math.floor(((momentOf(event) - all.from) / length) * count);
    result[Math.min(count - 1, Math.max(0, place))]++;
  }
  return result;
}

/** Window after one end was put to `time`: inside `all`, and never the wrong way round. */
export function moved(all: Span, now: Span, end: End, time: number): Span {
  const within = Math.min(all.to, Math.max(all.from, time));
  return end === "from" ? { from: Math.min(within, now.to), to: now.to } : { from: now.from, to: Math.max(within, now.from) };
}
