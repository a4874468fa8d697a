/** Where nodes stand. No randomness and no clock: the same ring is the same picture, every time. */

import type { Shown } from "./model";

export interface Point {
  x: number;
  y: number;
}

/** Pages are wider than high, and so are the pictures. */
const FLATTEN = 1.6;
const EXACT = 500;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** Places of the ring's own nodes. */
export function layout(shown: Shown): Map<string, Point> {
  const ids = [...shown.own].sort();
  const index = new Map(ids.map((id, i) => [id, i]));
  const springs: [number, number, number][] = [];
  for (const edge of [...shown.edges.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const a = index.get(edge.source);
    const b = index.get(edge.target);
    if (a !== undefined && b !== undefined && a !== b) springs.push([a, b, 1 + Math.log1p(edge.events) / 4]);
  }
  const order = breadthFirst(ids.length, springs);
  const x = new Float64Array(ids.length);
  const y = new Float64Array(ids.length);
  order.forEach((node, place) => {
    const radius = Math.sqrt(place + 0.5);
    x[node] = radius * Math.cos(place * GOLDEN);
    y[node] = radius * Math.sin(place * GOLDEN);
  });
  settle(x, y, springs);
  return new Map(ids.map((id, i) => [id, { x: x[i] * FLATTEN, y: y[i] }]));
}

/** Nodes by distance from the best connected one, so that neighbours start near each other. */
function breadthFirst(count: number, springs: [number, number, number][]): number[] {
  const near: number[][] = Array.from({ length: count }, () => []);
  for (const [a, b] of springs) {
    near[a].push(b);
    near[b].push(a);
  }
  const starts = near.map((_, i) => i).sort((a, b) => near[b].length - near[a].length || a - b);
  const seen = new Uint8Array(count);
  const order: number[] = [];
  for (const start of starts) {
    if (seen[start]) continue;
    seen[start] = 1;
    const queue = [start];
    for (let head = 0; head < queue.length; head++) {
      order.push(queue[head]);
      for (const next of near[queue[head]]) {
        if (seen[next]) continue;
        seen[next] = 1;
        queue.push(next);
      }
    }
  }
  return order;
}

function settle(x: Float64Array, y: Float64Array, springs: [number, number, number][]): void {
  const count = x.length;
  const rounds = count <= 150 ? 320 : count <= EXACT ? 180 : 90;
  const degree = new Float64Array(count);
  for (const [a, b] of springs) {
    degree[a]++;
    degree[b]++;
  }
  const fx = new Float64Array(count);
  const fy = new Float64Array(count);
  for (let round = 0; round < rounds; round++) {
    fx.fill(0);
    fy.fill(0);
    if (count <= EXACT) repelAll(x, y, fx, fy);
    else repelNear(x, y, fx, fy);
    for (const [a, b, weight] of springs) pull(x, y, fx, fy, a, b, weight / (1 + Math.log1p(Math.min(degree[a], degree[b]))));
    const heat = 1.2 * (1 - round / rounds) + 0.02;
    for (let i = 0; i < count; i++) {
      fx[i] -= x[i] * 0.06;
      fy[i] -= y[i] * 0.06 * 1.3;
      const force = Math.hypot(fx[i], fy[i]);
      const step = force > heat ? heat / force : 1;
      x[i] += fx[i] * step * 0.5;
      y[i] += fy[i] * step * 0.5;
    }
  }
}

function repel(x: Float64Array, y: Float64Array, fx: Float64Array, fy: Float64Array, i: number, j: number): void {
  let dx = x[i] - x[j];
  let dy = y[i] - y[j];
  if (dx === 0 && dy === 0) {
    dx = 1e-3 * ((i % 7) + 1);
    dy = 1e-3 * ((j % 5) + 1);
  }
  const force = 1.6 / (dx * dx + dy * dy + 0.01);
  fx[i] += dx * force;
  fy[i] += dy * force;
  fx[j] -= dx * force;
  fy[j] -= dy * force;
}

function repelAll(x: Float64Array, y: Float64Array, fx: Float64Array, fy: Float64Array): void {
  for (let i = 0; i < x.length; i++) for (let j = i + 1; j < x.length; j++) repel(x, y, fx, fy, i, j);
}

const CELL = 3;

/** Far nodes of a large graph do not push each other: only those of neighbouring cells do. */
function repelNear(x: Float64Array, y: Float64Array, fx: Float64Array, fy: Float64Array): void {
  const cells = new Map<number, number[]>();
  const slot = (cx: number, cy: number): number => (cx + 32768) * 65536 + (cy + 32768);
  for (let i = 0; i < x.length; i++) {
    const key = slot(Math.floor(x[i] / CELL), Math.floor(y[i] / CELL));
    const cell = cells.get(key);
    if (cell) cell.push(i);
    else cells.set(key, [i]);
  }
  for (let i = 0; i < x.length; i++) {
    const cx = Math.floor(x[i] / CELL);
    const cy = Math.floor(y[i] / CELL);
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (const j of cells.get(slot(cx + dx, cy + dy)) ?? []) if (j > i) repel(x, y, fx, fy, i, j);
      }
    }
  }
}

function pull(
  x: Float64Array,
  y: Float64Array,
  fx: Float64Array,
  fy: Float64Array,
  a: number,
  b: number,
  weight: number,
): void {
  const dx = x[a] - x[b];
  const dy = y[a] - y[b];
  const force = 0.35 * weight * Math.max(0, Math.hypot(dx, dy) - 0.8);
  const length = Math.hypot(dx, dy) || 1;
  fx[a] -= (dx / length) * force;
  fy[a] -= (dy / length) * force;
  fx[b] += (dx / length) * force;
  fy[b] += (dy / length) * force;
}

/** Places of all nodes: those that have one keep it, new ones stand in arcs behind their parent. */
export function extend(places: ReadonlyMap<string, Point>, shown: Shown): Map<string, Point> {
  const result = new Map<string, Point>();
  const arrived = new Map<string, string[]>();
  for (const id of shown.nodes.keys()) {
    const place = places.get(id);
    if (place) result.set(id, place);
    else {
      const parent = shown.parent.get(id) ?? "";
      arrived.set(parent, [...(arrived.get(parent) ?? []), id]);
    }
  }
  const middle = centre(result.values());
  for (const [parent, ids] of arrived) fan(result, result.get(parent) ?? middle, middle, ids);
  return result;
}

function centre(points: Iterable<Point>): Point {
  let x = 0;
  let y = 0;
  let count = 0;
  for (const point of points) {
    x += point.x;
    y += point.y;
    count++;
  }
  return count ? { x: x / count, y: y / count } : { x: 0, y: 0 };
}

/** Rows of a fan: the first stands clear of its parent, and all leave room for nodes as they are drawn. */
const FIRST_ROW = 3.2;
const ROW = 1.9;
const SEAT = 1.9;
const CLEAR = 1.9;
const ARC = Math.PI * 1.3;
/** Rows until which seats that others take stay free. */
const PATIENCE = 40;

function fan(places: Map<string, Point>, parent: Point, middle: Point, ids: string[]): void {
  const [from, centre] = [narrow(parent), narrow(middle)];
  const outwards = Math.atan2(from.y - centre.y, from.x - centre.x);
  const taken = [...places.values()].map(narrow);
  let left = [...ids];
  for (let row = 0; left.length > 0; row++) {
    const radius = FIRST_ROW + row * ROW;
    const seats = Math.floor((radius * ARC) / SEAT);
    const spots: Point[] = [];
    for (let seat = 0; seat < seats; seat++) {
      // From the middle of the arc to both sides; each row stands in the gaps of the one before.
      const side = (seat % 2 === 0 ? seat / 2 : -(seat + 1) / 2) + (row % 2) / 2;
      const angle = outwards + (side / seats) * ARC;
      const spot = { x: from.x + radius * Math.cos(angle), y: from.y + radius * Math.sin(angle) };
      if (row > PATIENCE || !taken.some((point) => Math.hypot(point.x - spot.x, point.y - spot.y) < CLEAR)) spots.push(spot);
    }
    for (const [i, id] of left.slice(0, spots.length).entries()) places.set(id, { x: spots[i].x * FLATTEN, y: spots[i].y });
    left = left.slice(spots.length);
  }
}

/** A place as it was before the picture was made wider. */
function narrow({ x, y }: Point): Point {
  return { x: x / FLATTEN, y };
}
