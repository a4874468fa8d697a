/** The graph by keyboard: arrows go from node to node, plus and minus zoom, 0 shows all. */

import type { Point } from "../graph/layout";
import { counted, go, hidden, places, say, selected, shown, w } from "../state/store";
import { visible } from "../format";

/** What draws the graph. */
export interface Pen {
  zoom: (factor: number) => void;
  fit: () => void;
  /** Move what is seen by shares of the stage: to the right and down. */
  pan: (dx: number, dy: number) => void;
  position: (id: string) => Point | null;
  inner?: () => unknown;
}

const WAYS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function onGraphKey(event: KeyboardEvent, pen: Pen | null): void {
  if (event.ctrlKey || event.metaKey || event.altKey || !pen) return;
  const way = WAYS[event.key];
  if (way && event.shiftKey) pen.pan(way[0] * 0.1, way[1] * 0.1);
  else if (way) step(way);
  else if (event.key === "+" || event.key === "=") pen.zoom(0.7);
  else if (event.key === "-") pen.zoom(1.4);
  else if (event.key === "0") pen.fit();
  else if (event.key === "Enter" && selected.value !== null) go({ panel: "selected" });
  else return;
  event.preventDefault();
}

function step(way: [number, number]): void {
  const next = nearest(selected.value, way);
  if (next === null) return;
  go({ node: next, panel: "selected" });
  const node = shown.value?.nodes.get(next);
  if (node) say(`${w("type", node.type)} ${visible(node.key)}`);
}

/** Node that lies nearest in a direction: nearness counts, and straightness twice. */
function nearest(from: string | null, [wx, wy]: [number, number]): string | null {
  const here = from === null ? undefined : places.value.get(from);
  let best: string | null = null;
  let least = Infinity;
  for (const [id, place] of places.value) {
    const node = shown.value?.nodes.get(id);
    if (id === from || !node || hidden.value.has(node.type) || !counted.value?.nodes.has(id)) continue;
    const dx = place.x - (here?.x ?? 0);
    const dy = place.y - (here?.y ?? 0);
    const along = dx * wx + dy * wy;
    const aside = Math.abs(dx * wy) + Math.abs(dy * wx);
    if (here && (along <= 0 || aside > along * 2)) continue;
    const cost = here ? along + 2 * aside : Math.hypot(dx, dy);
    if (cost < least) [least, best] = [cost, id];
  }
  return best;
}
