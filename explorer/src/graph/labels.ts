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
  /** Drawn below the labels of others. */
  faded?: boolean;
}

/** What a label would cover, the worst first. */
const LABEL = 0;
const NODE = 1;
const FADED = 2;

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
const CELL = 40;
/** More cells than any picture is high. */
const ROW = 65536;
const MOST = 400;

class Taken {
  private readonly cells = new Map<number, { box: Box; id: string; kind: number }[]>();

  add(box: Box, id: string, kind: number): void {
    const entry = { box, id, kind };
    const [left, right, top, bottom] = cellsOf(box);
    for (let x = left; x <= right; x++) {
      for (let y = top; y <= bottom; y++) {
        const cell = this.cells.get(x * ROW + y);
        if (cell) cell.push(entry);
        else this.cells.set(x * ROW + y, [entry]);
      }
    }
  }

  /** Whether a box covers anything of another node that is at least as bad as `kind`. */
  hits(box: Box, id: string, kind: number): boolean {
    const [left, right, top, bottom] = cellsOf(box);
    for (let x = left; x <= right; x++) {
      for (let y = top; y <= bottom; y++) {
        const cell = this.cells.get(x * ROW + y);
        if (cell?.some((other) => other.kind <= kind && other.id !== id && meet(other.box, box))) return true;
      }
    }
    return false;
  }
}

function cellsOf(box: Box): [number, number, number, number] {
  return [Math.floor(box.left / CELL), Math.floor(box.right / CELL), Math.floor(box.top / CELL), Math.floor(box.bottom / CELL)];
}

function meet(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function boxAt(spot: Spot, side: Side, width: number): Box {
  const away = spot.radius + GAP;
  const left = side === "right" ? spot.x + away : side === "left" ? spot.x - away - width : spot.x - width / 2;
  const top = side === "above" ? spot.y - away - HEIGHT : side === "below" ? spot.y + away : spot.y - HEIGHT / 2;
  return { left, top, right: left + width, bottom: top + HEIGHT };
}

/** Sides of the labels that find room, in the view of `width` × `height`; the forced and the large go first. */
export function arrange(spots: Spot[], width: number, height: number): Map<string, Side> {
  const taken = new Taken();
  const seen = spots.filter((spot) => spot.x > -50 && spot.y > -50 && spot.x < width + 50 && spot.y < height + 50);
  for (const { id, x, y, radius, faded } of seen) {
    taken.add({ left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }, id, faded ? FADED : NODE);
  }
  const order = seen
    .filter((spot) => spot.text !== "")
    .sort((a, b) => Number(b.forced) - Number(a.forced) || b.radius - a.radius || (a.id < b.id ? -1 : 1));
  const result = new Map<string, Side>();
  for (const spot of order.slice(0, MOST)) {
    const length = [...spot.text].length * WIDTH;
    const free = (kind: number): Side | undefined =>
      SIDES.find((side) => {
        const box = boxAt(spot, side, length);
        return box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height && !taken.hits(box, spot.id, kind);
      });
    const side = free(FADED) ?? free(NODE) ?? (spot.forced ? (free(LABEL) ?? "right") : undefined);
    if (!side) continue;
    result.set(spot.id, side);
    taken.add(boxAt(spot, side, length), spot.id, LABEL);
  }
  return result;
}
