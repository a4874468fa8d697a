/** A shortest path over what is shown; pure. */

import type { Recount, Shown } from "./model";

export interface Path {
  nodes: string[];
  edges: string[];
}

/**
 * Shortest path from `from` to `to` over edges that count; `null` when there is none.
 *
 * Of several shortest ones the same is taken every time: neighbours in the order of their ids.
 */
export function shortestPath(shown: Shown, counted: Recount, from: string, to: string): Path | null {
  if (!counted.nodes.has(from) || !counted.nodes.has(to)) return null;
  const cameBy = new Map<string, { node: string; edge: string } | null>([[from, null]]);
  let front = [from];
  while (front.length > 0 && !cameBy.has(to)) {
    const next: string[] = [];
    for (const node of front) {
      for (const { neighbor, edge } of steps(shown, counted, node)) {
        if (cameBy.has(neighbor)) continue;
        cameBy.set(neighbor, { node, edge });
        next.push(neighbor);
      }
    }
    front = next;
  }
  return cameBy.has(to) ? backwards(cameBy, to) : null;
}

function steps(shown: Shown, counted: Recount, node: string): { neighbor: string; edge: string }[] {
  const found: { neighbor: string; edge: string }[] = [];
  for (const id of shown.edgesOf.get(node) ?? []) {
    const edge = shown.edges.get(id);
    if (edge && counted.edges.has(id)) found.push({ neighbor: edge.source === node ? edge.target : edge.source, edge: id });
  }
  return found.sort((a, b) => (a.neighbor < b.neighbor ? -1 : a.neighbor > b.neighbor ? 1 : 0));
}

function backwards(cameBy: Map<string, { node: string; edge: string } | null>, to: string): Path {
  const nodes = [to];
  const edges: string[] = [];
  for (let step = cameBy.get(to); step; step = cameBy.get(step.node)) {
    nodes.unshift(step.node);
    edges.unshift(step.edge);
  }
  return { nodes, edges };
}
