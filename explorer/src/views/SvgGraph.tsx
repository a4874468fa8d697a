import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { GraphNode } from "../api";
import { visible, whole } from "../format";
import type { Point } from "../graph/layout";
import { arrange, type Side } from "../graph/labels";
import { corners, looks, type NodeLook } from "../graph/look";
import { go, hovered, lang, places, scene, t, w } from "../state/store";
import type { Pen } from "./keys";

const MOST = 300;
/** Pixels until the page says how large the picture is. */
const SIZE = { width: 1000, height: 560 };
type Size = typeof SIZE;

interface Frame {
  scale: number;
  left: number;
  top: number;
}

/** Map places into the picture with a margin for labels. */
function frameOf(points: Point[], { width, height }: Size): Frame {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min(Math.max(40, width - 190) / (right - left || 1), Math.max(40, height - 50) / (bottom - top || 1), 90);
  return { scale, left: (left + right) / 2 - (width / 2 - 30) / scale, top: (top + bottom) / 2 - height / 2 / scale };
}

/** The graph as SVG, in the same places, for browsers without WebGL and for print. */
export function SvgGraph({ pen }: { pen: { current: Pen | null } }) {
  const box = useRef<SVGSVGElement>(null);
  const size = useSignal(SIZE);
  /** Shift of the middle, in widths and heights, and how much of the picture is seen. */
  const view = useSignal({ x: 0, y: 0, ratio: 1 });
  useEffect(() => {
    const mine: Pen = {
      zoom: (factor) => (view.value = { ...view.value, ratio: Math.min(3, Math.max(0.08, view.value.ratio * factor)) }),
      fit: () => (view.value = { x: 0, y: 0, ratio: 1 }),
      pan: (dx, dy) => {
        const { x, y, ratio } = view.value;
        view.value = { x: x + dx * ratio, y: y + dy * ratio, ratio };
      },
      position: (id) => {
        const found = [...(box.current?.querySelectorAll("[data-node]") ?? [])].find((node) => node.getAttribute("data-node") === id);
        const shape = found?.querySelector(".shape")?.getBoundingClientRect();
        return shape ? { x: shape.x + shape.width / 2, y: shape.y + shape.height / 2 } : null;
      },
    };
    pen.current = mine;
    const watch = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width > 0 && height > 0) size.value = { width, height };
    });
    if (box.current) watch.observe(box.current);
    return () => {
      watch.disconnect();
      if (pen.current === mine) pen.current = null;
      hovered.value = null;
    };
  }, []);
  const now = scene.value;
  if (!now) return null;
  const { shown } = now;
  const look = looks(now);
  const nodes = most([...shown.nodes.values()].filter((node) => !now.hidden.has(node.type)), (node) => shown.neighbors.get(node.id)?.size ?? 0);
  const drawn = new Set(nodes.map((node) => node.id));
  const frame = frameOf(nodes.map((node) => places.value.get(node.id) ?? { x: 0, y: 0 }), size.value);
  const at = (id: string): Point => {
    const place = places.value.get(id) ?? { x: 0, y: 0 };
    return { x: (place.x - frame.left) * frame.scale, y: (place.y - frame.top) * frame.scale };
  };
  const { x, y, ratio } = view.value;
  const { width, height } = size.value;
  const seen = `${(0.5 + x - ratio / 2) * width} ${(0.5 + y - ratio / 2) * height} ${width * ratio} ${height * ratio}`;
  const drawings = nodes.map((node) => ({ node, look: look.node(node), at: at(node.id) }));
  const sides = arrange(
    drawings.map(({ node, look: how, at: { x: cx, y: cy } }) => ({
      id: node.id,
      x: ((cx / width - 0.5 - x) / ratio + 0.5) * width,
      y: ((cy / height - 0.5 - y) / ratio + 0.5) * height,
      radius: how.size / ratio,
      text: how.label,
      forced: how.forceLabel,
    })),
    width,
    height,
  );
  const edges = [...shown.edges.values()]
    .filter((edge) => drawn.has(edge.source) && drawn.has(edge.target))
    .map((edge) => ({ edge, look: look.edge(edge) }))
    .filter((row) => !row.look.hidden)
    .sort((a, b) => Number(a.look.top) - Number(b.look.top));
  return (
    <>
      <svg ref={box} class="svg" viewBox={seen} aria-hidden="true" data-testid="svg" onClick={() => go({ node: null }, true)}>
        {edges.map((row) => {
          const a = at(row.edge.source);
          const b = at(row.edge.target);
          return <line key={row.edge.id} x1={a.x} y1={a.y} x2={b.x} y2={b.y} stroke={row.look.color} stroke-width={row.look.size} />;
        })}
        {drawings.map((drawing) => (
          <Node key={drawing.node.id} {...drawing} ink={now.palette.ink} side={sides.get(drawing.node.id)} scale={ratio} />
        ))}
      </svg>
      {nodes.length < shown.nodes.size - [...shown.nodes.values()].filter((node) => now.hidden.has(node.type)).length && (
        <p class="hint over">{t("graph.tooMany", { n: whole(nodes.length, lang.value), total: whole(shown.nodes.size, lang.value) })}</p>
      )}
    </>
  );
}

/** The `MOST` nodes with most edges, in an order that does not change. */
function most(nodes: GraphNode[], degree: (node: GraphNode) => number): GraphNode[] {
  if (nodes.length <= MOST) return nodes;
  return nodes.sort((a, b) => degree(b) - degree(a) || (a.id < b.id ? -1 : 1)).slice(0, MOST);
}

interface NodeProps {
  node: GraphNode;
  look: NodeLook;
  at: Point;
  ink: string;
  side: Side | undefined;
  /** Units of the picture in a pixel of the page: labels stay as large when zoomed. */
  scale: number;
}

function anchor(side: Side, size: number, scale: number): { x: number; y: number; "text-anchor": "start" | "middle" | "end" } {
  const away = size + 3 * scale;
  if (side === "right") return { x: away, y: 4 * scale, "text-anchor": "start" };
  if (side === "left") return { x: -away, y: 4 * scale, "text-anchor": "end" };
  return { x: 0, y: side === "below" ? away + 9 * scale : -away, "text-anchor": "middle" };
}

function Node({ node, look, at, ink, side, scale }: NodeProps) {
  const { size } = look;
  const points = corners(look.shape);
  const paint = { class: "shape", fill: look.color, stroke: look.border, "stroke-width": look.borderWidth };
  return (
    <g
      class="node"
      transform={`translate(${at.x} ${at.y})`}
      data-node={node.id}
      onClick={(event) => {
        event.stopPropagation();
        go({ node: node.id, panel: "selected" }, true);
      }}
      onMouseEnter={() => (hovered.value = node.id)}
      onMouseLeave={() => (hovered.value = null)}
    >
      <title>{`${w("type", node.type)} ${visible(node.key)}`}</title>
      {points ? (
        <polygon {...paint} points={points.map(([px, py]) => `${px * size},${py * size}`).join(" ")} />
      ) : (
        <circle {...paint} r={size} />
      )}
      {look.label && side && (
        <text {...anchor(side, size, scale)} font-size={11.5 * scale} fill={ink}>
          {look.label}
        </text>
      )}
    </g>
  );
}
