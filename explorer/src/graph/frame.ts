/** What part of the plane the picture shows, and how large things are drawn in it; pure. */

import type { Point } from "./layout";

export interface Box {
  x: [number, number];
  y: [number, number];
}

/** Pixels around the picture. */
export const MARGIN = 34;
/** Pixels of a unit of the plane from which on nodes are drawn in full size. */
const ROOMY = 9;
const LEAST = 0.4;

/** Box around places, upwards positive as sigma has it; `null` without any. */
export function boxOf(points: Iterable<Point>): Box | null {
  const box: Box = { x: [Infinity, -Infinity], y: [Infinity, -Infinity] };
  for (const { x, y } of points) {
    box.x = [Math.min(box.x[0], x - 0.5), Math.max(box.x[1], x + 0.5)];
    box.y = [Math.min(box.y[0], -y - 0.5), Math.max(box.y[1], -y + 0.5)];
  }
  return box.x[0] <= box.x[1] ? box : null;
}

/** Share of their size in which nodes are drawn so that neighbours do not cover each other, when all is in view. */
export function shareOf({ x, y }: Box, width: number, height: number): number {
  const unit = Math.min((width - 2 * MARGIN) / (x[1] - x[0]), (height - 2 * MARGIN) / (y[1] - y[0]));
  return Math.min(1, Math.max(LEAST, unit / ROOMY));
}
