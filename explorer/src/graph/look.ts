/** How nodes and edges look; the same for WebGL and SVG. Pure. */

import type { GraphEdge, GraphNode } from "../api";
import { shorten } from "../format";
import type { Light } from "./light";
import type { Recount, Shown } from "./model";
import type { Path } from "./path";

export const SHAPES = ["circle", "square", "diamond", "triangle", "pentagon", "hexagon", "plus", "wedge", "cross"] as const;
export type Shape = (typeof SHAPES)[number];

interface Kind {
  shape: Shape;
  light: string;
  dark: string;
}

/** Colours of Okabe and Ito, which the colour-blind tell apart; shapes say the same again. */
const KINDS: Record<string, Kind> = {
  member: { shape: "circle", light: "#0072b2", dark: "#56b4e9" },
  device: { shape: "square", light: "#d55e00", dark: "#e8853b" },
  address: { shape: "pentagon", light: "#00805f", dark: "#1fb88c" },
  ip: { shape: "diamond", light: "#b87900", dark: "#e69f00" },
  card: { shape: "triangle", light: "#b3548a", dark: "#cc79a7" },
  phone: { shape: "plus", light: "#7a6f00", dark: "#f0e442" },
  email: { shape: "wedge", light: "#2f7fb5", dark: "#9fd3f5" },
  seller: { shape: "cross", light: "#52525b", dark: "#d4d4d8" },
  product: { shape: "hexagon", light: "#6b7280", dark: "#9aa4b2" },
};
const OTHER: Kind = { shape: "cross", light: "#52525b", dark: "#d4d4d8" };

export interface Palette {
  dark: boolean;
  paper: string;
  ink: string;
  edge: string;
  edgeLit: string;
  path: string;
  dim: string;
}

export const LIGHT: Palette = {
  dark: false,
  paper: "#fbfbfa",
  ink: "#1a1d21",
  edge: "#b9bec6",
  edgeLit: "#1a1d21",
  path: "#c02942",
  dim: "#e3e5e8",
};
export const DARK: Palette = {
  dark: true,
  paper: "#14171b",
  ink: "#e8eaed",
  edge: "#4b525c",
  edgeLit: "#e8eaed",
  path: "#ff7b8f",
  dim: "#272c33",
};

export function kindOf(type: string): Kind {
  return Object.hasOwn(KINDS, type) ? KINDS[type] : OTHER;
}

export function colourOf(type: string, palette: Palette): string {
  return palette.dark ? kindOf(type).dark : kindOf(type).light;
}

/** What decides how things look, besides the things. */
export interface Scene {
  shown: Shown;
  counted: Recount;
  light: Light | null;
  path: Path | null;
  selected: string | null;
  hovered: string | null;
  /** Members of the ring. */
  members: ReadonlySet<string>;
  pinned: ReadonlySet<string>;
  hidden: ReadonlySet<string>;
  palette: Palette;
}

export interface NodeLook {
  hidden: boolean;
  faded: boolean;
  shape: Shape;
  size: number;
  color: string;
  border: string;
  borderWidth: number;
  label: string;
  forceLabel: boolean;
}

export interface EdgeLook {
  hidden: boolean;
  color: string;
  size: number;
  top: boolean;
}

/** Edges from which on hovering fades nothing: to paint thousands anew at each step of the pointer makes it stick. */
const DENSE = 1500;

function dense(scene: Scene): boolean {
  return scene.shown.edges.size > DENSE;
}

interface Focus {
  /** Nodes that stand out, the rest fades; `null` where nothing fades. */
  all: ReadonlySet<string> | null;
  /** Nodes whose names are wanted. */
  named: ReadonlySet<string> | null;
}

/** What stands out: hovered or selected nodes with their neighbours, what is lit, a path. */
function focusOf(scene: Scene): Focus {
  const near = scene.hovered !== null && scene.shown.nodes.has(scene.hovered) ? around(scene, scene.hovered) : null;
  if (near && !dense(scene)) return { all: near, named: near };
  const all = focusWithoutPointer(scene);
  return { all: near && all ? new Set([...all, ...near]) : all, named: near ?? all };
}

function focusWithoutPointer(scene: Scene): Set<string> | null {
  if (scene.path) return new Set(scene.path.nodes);
  if (scene.light) return scene.light.nodes;
  if (scene.selected !== null && scene.shown.nodes.has(scene.selected)) return around(scene, scene.selected);
  return null;
}

function around(scene: Scene, id: string): Set<string> {
  const near = new Set([id]);
  for (const edge of scene.shown.edgesOf.get(id) ?? []) {
    if (!scene.counted.edges.has(edge)) continue;
    const ends = scene.shown.edges.get(edge);
    if (ends) near.add(ends.source).add(ends.target);
  }
  return near;
}

/** The looks of a scene, node by node and edge by edge. */
export function looks(scene: Scene): { node: (node: GraphNode) => NodeLook; edge: (edge: GraphEdge) => EdgeLook } {
  const focus = focusOf(scene);
  return {
    node: (node) => nodeLook(scene, node, focus),
    edge: (edge) => edgeLook(scene, edge, focus),
  };
}

function nodeLook(scene: Scene, node: GraphNode, { all: focus, named }: Focus): NodeLook {
  const { palette } = scene;
  const kind = kindOf(node.type);
  const colour = colourOf(node.type, palette);
  const faded = !scene.counted.nodes.has(node.id) || (focus !== null && !focus.has(node.id));
  const own = node.type === "member" ? scene.members.has(node.key) : scene.shown.own.has(node.id);
  const chosen = node.id === scene.selected || node.id === scene.hovered;
  const border = chosen || node.flagged ? palette.ink : colour;
  return {
    hidden: scene.hidden.has(node.type),
    faded,
    shape: kind.shape,
    size: (own ? sizeOf(node) : Math.min(AROUND, sizeOf(node))) * (kind.shape === "circle" ? 1 : 1.15),
    color: faded ? palette.dim : own ? colour : palette.paper,
    border: faded ? palette.edge : border,
    borderWidth: faded ? 0.8 : chosen ? 3 : node.flagged ? 2.4 : own ? 1 : 1.8,
    label: faded && !chosen ? "" : (scene.pinned.has(node.id) ? "• " : "") + nameOf(node),
    forceLabel: chosen || (named !== null && named.has(node.id) && named.size <= FEW_NAMES + 1),
  };
}

/** Radius of nodes around the ring at most: there may be hundreds, and they are not what it is about. */
const AROUND = 4.5;
/** Neighbours whose names are shown in any case; of more those that find room. */
const FEW_NAMES = 12;

const names = new WeakMap<GraphNode, string>();

function nameOf(node: GraphNode): string {
  let name = names.get(node);
  if (name === undefined) names.set(node, (name = shorten(node.key, 18)));
  return name;
}

/** Radius in pixels: of a member by its score, of a value by how many share it. */
function sizeOf(node: GraphNode): number {
  if (node.type === "member") return 5.5 + 5 * Math.min(1, Math.max(0, node.score ?? 0));
  return 5 + Math.min(5, Math.log2(1 + Math.max(0, node.degree)) * 0.8);
}

function edgeLook(scene: Scene, edge: GraphEdge, { all: focus }: Focus): EdgeLook {
  const { palette } = scene;
  const count = scene.counted.edges.get(edge.id);
  if (count === undefined) return { hidden: true, color: palette.edge, size: 1, top: false };
  const width = 1 + Math.min(3, Math.log2(1 + count) * 0.45);
  if (scene.path?.edges.includes(edge.id)) return { hidden: false, color: palette.path, size: width + 2, top: true };
  const hovered = scene.hovered !== null && touches(edge, scene.hovered);
  const below = (scene.hovered === null || dense(scene)) && !scene.path && litBelow(scene, edge);
  // To bring edges to the top has sigma sort all of them.
  if (hovered || below) return { hidden: false, color: palette.edgeLit, size: width + 0.6, top: below || !dense(scene) };
  return { hidden: false, color: focus ? palette.dim : palette.edge, size: width, top: false };
}

function touches(edge: GraphEdge, node: string): boolean {
  return edge.source === node || edge.target === node;
}

/** Whether an edge stands out without the pointer. */
function litBelow(scene: Scene, edge: GraphEdge): boolean {
  if (scene.light) return scene.light.edges.has(edge.id);
  return scene.selected !== null && touches(edge, scene.selected);
}

/** Half the width of a bar of the plus. */
export const BAR = 0.36;
const DIAGONAL = Math.SQRT1_2;
const PLUS: [number, number][] = [
  [-BAR, -1], [BAR, -1], [BAR, -BAR], [1, -BAR], [1, BAR], [BAR, BAR],
  [BAR, 1], [-BAR, 1], [-BAR, BAR], [-1, BAR], [-1, -BAR], [-BAR, -BAR],
];

/** Corners of a shape of circumradius 1 around 0, y downwards; `null` for the circle. */
export function corners(shape: Shape): [number, number][] | null {
  if (shape === "circle") return null;
  if (shape === "plus" || shape === "cross") return shape === "plus" ? PLUS : PLUS.map(([x, y]) => [(x - y) * DIAGONAL, (x + y) * DIAGONAL]);
  const [sides, turn] = SIDES[shape];
  return Array.from({ length: sides }, (_, i) => polar(turn + (i * 2 * Math.PI) / sides, 1));
}

/** Sides of the regular shapes, and the angle of their first corner from the top. */
export const SIDES: Record<Exclude<Shape, "circle" | "plus" | "cross">, [number, number]> = {
  square: [4, Math.PI / 4],
  diamond: [4, 0],
  triangle: [3, 0],
  wedge: [3, Math.PI],
  pentagon: [5, 0],
  hexagon: [6, 0],
};

function polar(angle: number, radius: number): [number, number] {
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}
