/** The graph by WebGL: keeps sigma's graph as the scene says. */

import Graph from "graphology";
import Sigma from "sigma";
import type { Point } from "./layout";
import { arrange, type Side, type Spot } from "./labels";
import { looks, type EdgeLook, type NodeLook, type Palette, type Scene } from "./look";
import { listen } from "./pointer";
import { GL_SHAPES, layerOutlined } from "./shapes";

export interface Handlers {
  select: (id: string | null) => void;
  hover: (id: string | null) => void;
  drag: (id: string, to: Point) => void;
  expand: (id: string) => void;
}

function primitives() {
  return {
    nodes: {
      shapes: GL_SHAPES,
      layers: [layerOutlined()],
      variables: {
        borderColor: { type: "color", default: "#000000" },
        borderWidth: { type: "number", default: 1 },
      },
      label: { font: { family: "system-ui, sans-serif", size: 12 }, margin: 3 },
    },
  } as const;
}

/** Milliseconds of rest before labels are placed anew. */
const SETTLE = 80;
/** Pixels around a node that still mean it. */
const REACH = 3;
/** Changes that are told to sigma one by one. */
const FEW = 200;
const NEAREST = 0.04;
const FARTHEST = 4;

const clamp = (ratio: number): number => Math.min(FARTHEST, Math.max(NEAREST, ratio));

type Attributes = Record<string, string | number>;

const text = (attribute: string) => ({ attribute });

function nodeAttributes(look: NodeLook, place: Point, palette: Palette): Attributes {
  return {
    x: place.x,
    y: -place.y,
    size: look.size,
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

function labelAttributes(side: Side | undefined): Record<string, string> {
  return side ? { labelVisibility: "visible", labelPosition: side } : { labelVisibility: "hidden" };
}

function edgeAttributes(look: EdgeLook): Attributes {
  return {
    size: look.size,
    color: look.color,
    visibility: look.hidden ? "hidden" : "visible",
    depth: look.top ? "topEdges" : "edges",
  };
}

export class Canvas {
  private readonly graph = new Graph({ multi: true, type: "undirected" });
  private readonly sigma: Sigma;
  private box = "";
  /** Whether the last frame shows what was drawn last, so that places in pixels are true. */
  private rendered = false;
  private crowded: ReturnType<typeof setTimeout> | null = null;

  private readonly deaf: () => void;

  /** `container` holds the picture; `glass` lies over it and takes the pointer. */
  constructor(container: HTMLElement, glass: HTMLElement, on: Handlers) {
    this.sigma = new Sigma(this.graph, container, {
      primitives: primitives(),
      styles: {
        nodes: {
          x: text("x"),
          y: text("y"),
          size: text("size"),
          color: text("color"),
          shape: text("shape"),
          label: text("label"),
          labelColor: text("labelColor"),
          labelSize: 11.5,
          labelBackgroundColor: text("labelBackgroundColor"),
          labelBackgroundPadding: 1,
          visibility: text("visibility"),
          labelVisibility: text("labelVisibility"),
          labelPosition: text("labelPosition"),
          labelDepth: "topEdges",
          depth: text("depth"),
          backdropVisibility: "hidden",
          borderColor: text("borderColor"),
          borderWidth: text("borderWidth"),
        },
        edges: { size: text("size"), color: text("color"), visibility: text("visibility"), depth: text("depth") },
      },
      settings: {
        itemSizesReference: "screen",
        stagePadding: 34,
        minEdgeThickness: 1,
        minCameraRatio: NEAREST,
        maxCameraRatio: FARTHEST,
        allowInvalidContainer: true,
      },
    });
    this.sigma.getCamera().on("updated", () => this.relabel());
    this.sigma.on("resize", () => this.relabel());
    this.sigma.on("afterRender", () => (this.rendered = true));
    this.deaf = listen(glass, {
      nodeAt: (point) => this.nodeAt(point),
      select: on.select,
      hover: on.hover,
      expand: on.expand,
      dragTo: (id, point) => this.graph.mergeNodeAttributes(id, this.sigma.viewportToGraph(point)),
      dragEnd: (id) => {
        const { x, y } = this.graph.getNodeAttributes(id);
        on.drag(id, { x: Number(x), y: -Number(y) });
      },
      panBy: (dx, dy) => this.panBy(dx, dy),
      zoomAt: (point, factor) => {
        const ratio = clamp(this.sigma.getCamera().ratio * factor);
        this.sigma.getCamera().setState(this.sigma.getViewportZoomedState(point, ratio));
      },
    });
  }

  /** Node under a point of the stage: the nearest whose shape or the few pixels around it hold it. */
  private nodeAt(point: Point): string | null {
    const here = this.sigma.viewportToGraph(point);
    const right = this.sigma.viewportToGraph({ x: point.x + 100, y: point.y });
    const pixels = 100 / Math.hypot(right.x - here.x, right.y - here.y);
    let found: string | null = null;
    let least = Infinity;
    this.graph.forEachNode((id, node) => {
      if (node.visibility === "hidden") return;
      const away = Math.hypot(Number(node.x) - here.x, Number(node.y) - here.y) * pixels;
      if (away < least && away <= this.sigma.scaleSize(Number(node.size)) + REACH) [least, found] = [away, id];
    });
    return found;
  }

  private panBy(dx: number, dy: number): void {
    const camera = this.sigma.getCamera();
    const from = this.sigma.viewportToFramedGraph({ x: 0, y: 0 });
    const to = this.sigma.viewportToFramedGraph({ x: dx, y: dy });
    camera.setState({ x: camera.x - (to.x - from.x), y: camera.y - (to.y - from.y) });
  }

  /** Make the picture that `scene` asks for; what looks the same is left alone. */
  draw(scene: Scene, places: ReadonlyMap<string, Point>): void {
    const { shown } = scene;
    const look = looks(scene);
    for (const id of this.graph.nodes()) if (!shown.nodes.has(id)) this.graph.dropNode(id);
    for (const id of this.graph.edges()) if (!shown.edges.has(id)) this.graph.dropEdge(id);
    this.frame(scene, places);
    const before = this.graph.order;
    const nodes = new Map<string, Attributes>();
    for (const node of shown.nodes.values()) {
      const wanted = nodeAttributes(look.node(node), places.get(node.id) ?? { x: 0, y: 0 }, scene.palette);
      if (!this.graph.hasNode(node.id)) this.graph.addNode(node.id, { ...wanted, ...labelAttributes(undefined) });
      else if (differs(this.graph.getNodeAttributes(node.id), wanted)) nodes.set(node.id, wanted);
    }
    const edges = new Map<string, Attributes>();
    for (const edge of shown.edges.values()) {
      const wanted = edgeAttributes(look.edge(edge));
      if (!this.graph.hasEdge(edge.id)) this.graph.addEdgeWithKey(edge.id, edge.source, edge.target, wanted);
      else if (differs(this.graph.getEdgeAttributes(edge.id), wanted)) edges.set(edge.id, wanted);
    }
    this.change(nodes, edges);
    if (this.graph.order !== before) this.rerender();
    this.relabel();
  }

  private rerender(): void {
    this.rendered = false;
    this.sigma.scheduleRefresh();
  }

  /** Few changes are told one by one, many at once. */
  private change(nodes: Map<string, Attributes>, edges: Map<string, Attributes>): void {
    if (nodes.size > FEW) this.graph.updateEachNodeAttributes((id, now) => ({ ...now, ...nodes.get(id) }));
    else for (const [id, wanted] of nodes) this.graph.mergeNodeAttributes(id, wanted);
    if (edges.size > FEW) this.graph.updateEachEdgeAttributes((id, now) => edges.get(id) ?? now);
    else for (const [id, wanted] of edges) this.graph.replaceEdgeAttributes(id, wanted);
  }

  /** Give labels room once the picture stands still: while it moves they move with it. */
  private relabel(): void {
    if (this.crowded !== null) clearTimeout(this.crowded);
    this.crowded = setTimeout(() => {
      this.crowded = null;
      const { width, height } = this.sigma.getDimensions();
      const sides = arrange(this.spots(), width, height);
      const changed = new Map<string, Attributes>();
      this.graph.forEachNode((id, now) => {
        const wanted = labelAttributes(sides.get(id));
        if (differs(now, wanted)) changed.set(id, wanted);
      });
      this.change(changed, new Map());
    }, SETTLE);
  }

  private spots(): Spot[] {
    const spots: Spot[] = [];
    this.graph.forEachNode((id, node) => {
      if (node.visibility === "hidden") return;
      const { x, y } = this.sigma.graphToViewport({ x: Number(node.x), y: Number(node.y) });
      const radius = this.sigma.scaleSize(Number(node.size));
      spots.push({ id, x, y, radius, text: String(node.label), forced: node.forced === 1 });
    });
    return spots;
  }

  /** Fix what fits into the view while the same nodes are there, so that dragging one moves only that one. */
  private frame(scene: Scene, places: ReadonlyMap<string, Point>): void {
    const key = [...scene.shown.nodes.keys()].join("\n");
    if (key === this.box) return;
    const fresh = this.box === "" || !key.startsWith(this.box);
    this.box = key;
    const points = [...places.values()];
    if (points.length === 0) return;
    const x: [number, number] = [min(points, (p) => p.x) - 0.5, -min(points, (p) => -p.x) + 0.5];
    const y: [number, number] = [min(points, (p) => -p.y) - 0.5, -min(points, (p) => p.y) + 0.5];
    this.sigma.setCustomBBox({ x, y });
    this.rerender();
    if (fresh) this.sigma.getCamera().setState({ x: 0.5, y: 0.5, ratio: 1, angle: 0 });
  }

  zoom(factor: number): void {
    const camera = this.sigma.getCamera();
    camera.setState({ ratio: clamp(camera.ratio * factor) });
  }

  fit(): void {
    this.sigma.getCamera().setState({ x: 0.5, y: 0.5, ratio: 1, angle: 0 });
  }

  /** Move what is seen by shares of the stage: to the right and down. */
  pan(dx: number, dy: number): void {
    const { width, height } = this.sigma.getDimensions();
    this.panBy(-dx * width, -dy * height);
  }

  /** Where a node is, in pixels of the page; `null` until it was drawn there. */
  position(id: string): Point | null {
    if (!this.rendered || !this.graph.hasNode(id)) return null;
    const { x, y } = this.graph.getNodeAttributes(id);
    const inside = this.sigma.graphToViewport({ x: Number(x), y: Number(y) });
    const { left, top } = this.sigma.getContainer().getBoundingClientRect();
    return { x: left + inside.x, y: top + inside.y };
  }

  resize(): void {
    this.sigma.resize();
    this.rerender();
  }

  inner(): { sigma: Sigma; graph: Graph } {
    return { sigma: this.sigma, graph: this.graph };
  }

  kill(): void {
    if (this.crowded !== null) clearTimeout(this.crowded);
    this.deaf();
    this.sigma.kill();
  }
}

function differs(have: Record<string, unknown>, wanted: Record<string, unknown>): boolean {
  for (const name in wanted) if (have[name] !== wanted[name]) return true;
  return false;
}

function min(points: Point[], of: (point: Point) => number): number {
  return points.reduce((least, point) => Math.min(least, of(point)), Infinity);
}
