/** Where labels stand so that they cover neither each other nor nodes; pure. */

export type Side = "right" | "left" | "above" | "below";

export interface Spot {
  id: string;
  /** Middle and radius of the node, pixels. */
  x: number;
  y: number;
  radius: number;
  text: string;
  /** Shown even where there is no room. */
  forced: boolean;
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const SIDES: Side[] = ["right", "left", "below", "above"];
const WIDTH = 6.6;
const HEIGHT = 13;
const GAP = 3;
const CELL = 80;
const MOST = 400;

class Taken {
  private readonly cells = new Map<string, { box: Box; id: string }[]>();

  private *slots(box: Box): Iterable<string> {
    for (let x = Math.floor(box.left / CELL); x <= Math.floor(box.right / CELL); x++) {
      for (let y = Math.floor(box.top / CELL); y <= Math.floor(box.bottom / CELL); y++) yield `${x},${y}`;
    }
  }

  add(box: Box, id: string): void {
    for (const slot of this.slots(box)) {
      const cell = this.cells.get(slot);
      if (cell) cell.push({ box, id });
      else this.cells.set(slot, [{ box, id }]);
    }
  }

  hits(box: Box, id: string): boolean {
    for (const slot of this.slots(box)) {
      for (const other of this.cells.get(slot) ?? []) {
        if (other.id !== id && meet(other.box, box)) return true;
      }
    }
    return false;
  }
}

function meet(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function boxAt(spot: Spot, side: Side): Box {
  const width = [...spot.text].length * WIDTH;
  const away = spot.radius + GAP;
  const left = side === "right" ? spot.x + away : side === "left" ? spot.x - away - width : spot.x - width / 2;
  const top = side === "above" ? spot.y - away - HEIGHT : side === "below" ? spot.y + away : spot.y - HEIGHT / 2;
  return { left, top, right: left + width, bottom: top + HEIGHT };
}

/** Sides of the labels that find room, in the view of `width` × `height`; the forced and the large go first. */
export function arrange(spots: Spot[], width: number, height: number): Map<string, Side> {
  const taken = new Taken();
  const seen = spots.filter((spot) => spot.x > -50 && spot.y > -50 && spot.x < width + 50 && spot.y < height + 50);
  for (const { id, x, y, radius } of seen) taken.add({ left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }, id);
  const order = seen
    .filter((spot) => spot.text !== "")
    .sort((a, b) => Number(b.forced) - Number(a.forced) || b.radius - a.radius || (a.id < b.id ? -1 : 1));
  const result = new Map<string, Side>();
  for (const spot of order.slice(0, MOST)) {
    const free = SIDES.find((side) => {
      const box = boxAt(spot, side);
      return box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height && !taken.hits(box, spot.id);
    });
    const side = free ?? (spot.forced ? "right" : undefined);
    if (!side) continue;
    result.set(spot.id, side);
    taken.add(boxAt(spot, side), spot.id);
  }
  return result;
}
