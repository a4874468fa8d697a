/** Attributes of the nodes and edges that sigma draws; pure. */

import type { Side } from "./labels";
import type { Point } from "./layout";
import type { EdgeLook, NodeLook, Palette } from "./look";

export type Attributes = Record<string, string | number>;

/** `share` is of the size that a look asks for: less where there is little room. */
export function nodeAttributes(look: NodeLook, place: Point, palette: Palette, share: number): Attributes {
  return {
    x: place.x,
    y: -place.y,
    size: look.size * share,
    color: look.color,
    shape: look.shape,
    borderColor: look.border,
    borderWidth: look.borderWidth,
    label: look.label,
    labelColor: palette.ink,
    labelBackgroundColor: `${palette.paper}b8`,
    visibility: look.hidden ? "hidden" : "visible",
    forced: look.forceLabel ? 1 : 0,
    depth: look.faded ? "nodes" : "topNodes",
  };
}

export function labelAttributes(side: Side | undefined): Record<string, string> {
  return side ? { labelVisibility: "visible", labelPosition: side } : { labelVisibility: "hidden" };
}

export function edgeAttributes(look: EdgeLook, share: number): Attributes {
  return {
    size: Math.max(1, look.size * share),
    color: look.color,
    visibility: look.hidden ? "hidden" : "visible",
    depth: look.top ? "topEdges" : "edges",
  };
}

export function differs(have: Record<string, unknown>, wanted: Record<string, unknown>): boolean {
  for (const name in wanted) if (have[name] !== wanted[name]) return true;
  return false;
}

/** Attributes by which sigma sorts what it draws; a label that is new may need letters drawn for it. */
const ORDERING = ["x", "y", "depth", "label", "shape"];

/** Whether a change leaves all in the order in which sigma draws it. */
export function keepsOrder(have: Record<string, unknown>, wanted: Record<string, unknown>): boolean {
  return ORDERING.every((name) => !(name in wanted) || wanted[name] === have[name]);
}
