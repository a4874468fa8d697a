/**
 * Mouse and fingers on the graph. Which node is meant is found by its place and not by reading a
 * picture back from the graphics card: without a card (remote desktops) that stops the page for long.
 */

import type { Point } from "./layout";

/** What the pointer acts on; points are pixels from the stage's upper left corner. */
export interface Target {
  nodeAt: (point: Point) => string | null;
  select: (id: string | null) => void;
  hover: (id: string | null) => void;
  expand: (id: string) => void;
  dragTo: (id: string, point: Point) => void;
  dragEnd: (id: string) => void;
  /** Whether a finger or the mouse button is down. */
  hold: (held: boolean) => void;
  panBy: (dx: number, dy: number) => void;
  zoomAt: (point: Point, factor: number) => void;
}

/** Pixels that a click may wander. */
const STEADY = 4;

interface Grip {
  node: string | null;
  start: Point;
  moved: boolean;
}

/** Listen to the pointer on `glass`; the answer ends it. */
export function listen(glass: HTMLElement, target: Target): () => void {
  const fingers = new Map<number, Point>();
  const stop = new AbortController();
  let grip: Grip | null = null;
  let over: string | null = null;

  const at = (event: MouseEvent): Point => {
    const box = glass.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const hover = (id: string | null): void => {
    if (id === over) return;
    over = id;
    glass.style.cursor = id === null ? "grab" : "pointer";
    target.hover(id);
  };
  const on = <K extends keyof HTMLElementEventMap>(name: K, act: (event: HTMLElementEventMap[K]) => void): void =>
    glass.addEventListener(name, act, { signal: stop.signal, passive: name !== "wheel" });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    glass.setPointerCapture(event.pointerId);
    const point = at(event);
    fingers.set(event.pointerId, point);
    target.hold(true);
    // A second finger makes a pinch of what began as a drag.
    grip = fingers.size === 1 ? { node: target.nodeAt(point), start: point, moved: false } : null;
  });
  on("pointermove", (event) => {
    const point = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      hover(target.nodeAt(point));
      return;
    }
    if (fingers.size === 2) pinch(fingers, event.pointerId, point, target);
    else if (grip) drag(grip, before, point, target);
    fingers.set(event.pointerId, point);
  });
  const lift = (event: PointerEvent): void => {
    fingers.delete(event.pointerId);
    target.hold(fingers.size > 0);
    if (!grip) return;
    if (grip.moved && grip.node !== null) target.dragEnd(grip.node);
    else if (!grip.moved && event.type === "pointerup") target.select(grip.node);
    grip = null;
  };
  on("pointerup", lift);
  on("pointercancel", lift);
  on("pointerleave", () => hover(null));
  on("dblclick", (event) => {
    const point = at(event);
    const node = target.nodeAt(point);
    if (node !== null) target.expand(node);
    else target.zoomAt(point, 0.5);
  });
  on("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    target.zoomAt(at(event), Math.exp(Math.max(-300, Math.min(300, event.deltaY * lines)) * 0.0015));
  });
  return () => stop.abort();
}

function drag(grip: Grip, before: Point, point: Point, target: Target): void {
  if (!grip.moved && Math.hypot(point.x - grip.start.x, point.y - grip.start.y) <= STEADY) return;
  const from = grip.moved ? before : grip.start;
  grip.moved = true;
  if (grip.node !== null) target.dragTo(grip.node, point);
  else target.panBy(point.x - from.x, point.y - from.y);
}

function pinch(fingers: ReadonlyMap<number, Point>, moving: number, point: Point, target: Target): void {
  const before = fingers.get(moving);
  const other = [...fingers].find(([id]) => id !== moving)?.[1];
  if (!before || !other) return;
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  const is = Math.hypot(point.x - other.x, point.y - other.y);
  target.panBy((point.x - before.x) / 2, (point.y - before.y) / 2);
  if (was > 0 && is > 0) target.zoomAt({ x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 }, was / is);
}
