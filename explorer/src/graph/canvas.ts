/** The graph by WebGL: keeps sigma's graph as the scene says. */

import Graph from "graphology";
import Sigma from "sigma";
import { differs, edgeAttributes, keepsOrder, labelAttributes, nodeAttributes, type Attributes } from "./attributes";
import { boxOf, MARGIN, shareOf, type Box } from "./frame";
import { arrange, type Spot } from "./labels";
import type { Point } from "./layout";
import { looks, type Scene } from "./look";
import { listen } from "./pointer";
import { primitives } from "./shapes";

export interface Handlers {
  select: (id: string | null) => void;
  hover: (id: string | null) => void;
  drag: (id: string, to: Point) => void;
  expand: (id: string) => void;
}

/** Milliseconds of rest before labels are placed anew. */
const SETTLE = 80;
/** Pixels around a node that still mean it. */
const REACH = 3;
/** Nodes that are taken away one by one; for each of them sigma goes over all that is left. */
const FEW = 5;
const NEAREST = 0.04;
const FARTHEST = 4;

const clamp = (ratio: number): number => Math.min(FARTHEST, Math.max(NEAREST, ratio));

const text = (attribute: string) => ({ attribute });

export class Canvas {
  private readonly graph = new Graph({ multi: true, type: "undirected" });
  private readonly sigma: Sigma;
  private last: { scene: Scene; places: ReadonlyMap<string, Point> } | null = null;
  /** Nodes that the picture was framed for, and its frame. */
  private framed = "";
  private box: Box | null = null;
  /** Whether the last frame shows what was drawn last, so that places in pixels are true. */
  private rendered = false;
  private crowded: ReturnType<typeof setTimeout> | null = null;
  private held = false;

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
        stagePadding: MARGIN,
        minEdgeThickness: 1,
        minCameraRatio: NEAREST,
        maxCameraRatio: FARTHEST,
        allowInvalidContainer: true,
      },
    });
    this.sigma.getCamera().on("updated", () => this.relabel());
    this.sigma.on("resize", () => this.relabel());
    this.sigma.on("afterRender", () => {
      if (this.rendered) return;
      this.rendered = true;
      this.relabel(); // only now is it known where all nodes are
    });
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
      hold: (held) => {
        this.held = held;
        if (!held && this.crowded !== null) this.relabel();
      },
      panBy: (dx, dy) => this.panBy(dx, dy),
      zoomAt: (point, factor) => {
        const camera = this.sigma.getCamera();
        camera.setState(this.sigma.getViewportZoomedState(point, clamp(camera.ratio * factor)));
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
    if (shown !== this.last?.scene.shown) {
      this.remove(shown);
      this.frame(scene, places);
    }
    this.last = { scene, places };
    const { width, height } = this.sigma.getDimensions();
    const share = this.box ? shareOf(this.box, width, height) : 1;
    const before = this.graph.order + this.graph.size;
    const nodes = new Map<string, Attributes>();
    for (const node of shown.nodes.values()) {
      const wanted = nodeAttributes(look.node(node), places.get(node.id) ?? { x: 0, y: 0 }, scene.palette, share);
      if (!this.graph.hasNode(node.id)) this.graph.addNode(node.id, { ...wanted, ...labelAttributes(undefined) });
      else if (differs(this.graph.getNodeAttributes(node.id), wanted)) nodes.set(node.id, wanted);
    }
    const edges = new Map<string, Attributes>();
    for (const edge of shown.edges.values()) {
      const wanted = edgeAttributes(look.edge(edge), share);
      if (!this.graph.hasEdge(edge.id)) this.graph.addEdgeWithKey(edge.id, edge.source, edge.target, wanted);
      else if (differs(this.graph.getEdgeAttributes(edge.id), wanted)) edges.set(edge.id, wanted);
    }
    const grown = this.graph.order + this.graph.size !== before;
    if (grown) this.rendered = false;
    this.change(nodes, edges);
    if (grown) this.rerender();
    this.relabel();
  }

  private remove(shown: Scene["shown"]): void {
    const gone = this.graph.filterNodes((id) => !shown.nodes.has(id));
    if (gone.length > FEW) this.graph.clear();
    else for (const id of gone) this.graph.dropNode(id);
    const left = this.graph.filterEdges((id) => !shown.edges.has(id));
    if (left.length > FEW) this.graph.clearEdges();
    else for (const id of left) this.graph.dropEdge(id);
    if (gone.length + left.length > 0) this.rendered = false;
  }

  private rerender(): void {
    this.rendered = false;
    this.sigma.scheduleRefresh();
  }

  /**
   * Tell sigma all changes at once. graphology would tell them one by one, and each has sigma put
   * all nodes and edges in order anew; what keeps its place and its layer does not need that.
   */
  private change(nodes: ReadonlyMap<string, Attributes>, edges: ReadonlyMap<string, Attributes>): void {
    const sorted = (changes: ReadonlyMap<string, Attributes>, of: (id: string) => Attributes): boolean => {
      let same = this.rendered;
      for (const [id, wanted] of changes) {
        const now = of(id);
        same &&= keepsOrder(now, wanted);
        Object.assign(now, wanted);
      }
      return same;
    };
    if (nodes.size > 0) {
      const skipIndexation = sorted(nodes, (id) => this.graph.getNodeAttributes(id));
      this.sigma.refresh({ partialGraph: { nodes: [...nodes.keys()] }, skipIndexation, schedule: true });
    }
    if (edges.size > 0) {
      const skipIndexation = sorted(edges, (id) => this.graph.getEdgeAttributes(id));
      this.sigma.refresh({ partialGraph: { edges: [...edges.keys()] }, skipIndexation, schedule: true });
    }
  }

  /** Give labels room once the picture stands still: while it moves, or is held, they move with it. */
  private relabel(): void {
    if (this.crowded !== null) clearTimeout(this.crowded);
    this.crowded = setTimeout(() => {
      if (this.held) return; // it is called again when it is let go
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
    // The camera never turns: two points say where all others are.
    const zero = this.sigma.graphToViewport({ x: 0, y: 0 });
    const one = this.sigma.graphToViewport({ x: 1, y: 1 });
    this.graph.forEachNode((id, node) => {
      if (node.visibility === "hidden") return;
      const x = zero.x + Number(node.x) * (one.x - zero.x);
      const y = zero.y + Number(node.y) * (one.y - zero.y);
      const radius = this.sigma.scaleSize(Number(node.size));
      spots.push({ id, x, y, radius, text: String(node.label), forced: node.forced === 1, faded: node.depth === "nodes" });
    });
    return spots;
  }

  /** Fix what fits into the view while the same nodes are there, so that dragging one moves only that one. */
  private frame(scene: Scene, places: ReadonlyMap<string, Point>): void {
    const key = [...scene.shown.nodes.keys()].join("\n");
    if (key === this.framed) return;
    const fresh = this.framed === "" || !key.startsWith(this.framed);
    this.framed = key;
    this.box = boxOf(places.values());
    if (!this.box) return;
    this.sigma.setCustomBBox(this.box);
    this.rerender();
    if (fresh) this.fit();
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
    // Where there is less room nodes are drawn smaller.
    if (this.last) this.draw(this.last.scene, this.last.places);
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
