/** Node shapes and their outline for WebGL, as signed distance functions. */

import type { FragmentLayer } from "sigma/rendering";
import { BAR, SHAPES, SIDES, type Shape } from "./look";

interface GlShape {
  name: string;
  glsl: string;
  inradiusFactor?: number;
}

/** Circumradius `size` around 0; `uv` points up. */
function regular(name: Exclude<Shape, "circle" | "plus" | "cross">): GlShape {
  const [sides, turn] = SIDES[name];
  const sector = (2 * Math.PI) / sides;
  return {
    name,
    inradiusFactor: Math.cos(Math.PI / sides),
    glsl: `
float sdf_${name}(vec2 uv, float size) {
  float angle = atan(uv.x, uv.y) - ${turn.toFixed(6)};
  float off = mod(angle, ${sector.toFixed(6)}) - ${(sector / 2).toFixed(6)};
  return length(uv) * cos(off) - size * ${Math.cos(Math.PI / sides).toFixed(6)};
}
`,
  };
}

function bars(name: "plus" | "cross", turned: boolean): GlShape {
  const turn = turned ? "uv = vec2(uv.x - uv.y, uv.x + uv.y) * 0.70710678;" : "";
  return {
    name,
    inradiusFactor: BAR,
    glsl: `
float sdf_${name}(vec2 uv, float size) {
  ${turn}
  vec2 p = abs(uv);
  float upright = max(p.x - size * ${BAR.toFixed(2)}, p.y - size);
  float level = max(p.x - size, p.y - size * ${BAR.toFixed(2)});
  return min(upright, level);
}
`,
  };
}

const CIRCLE: GlShape = {
  name: "circle",
  glsl: `
float sdf_circle(vec2 uv, float size) {
  return length(uv) - size;
}
`,
};

const GL_SHAPES: GlShape[] = SHAPES.map((shape) => {
  if (shape === "circle") return CIRCLE;
  if (shape === "plus" || shape === "cross") return bars(shape, shape === "cross");
  return regular(shape);
});

/** Fill and an outline inside the shape; the outline's width is in pixels. */
function layerOutlined(): FragmentLayer {
  const { UNSIGNED_BYTE, FLOAT } = WebGL2RenderingContext;
  return {
    name: "outlined",
    uniforms: [],
    attributes: [
      { name: "fillColor", size: 4, type: UNSIGNED_BYTE, normalized: true, source: "color" },
      { name: "borderColor", size: 4, type: UNSIGNED_BYTE, normalized: true, source: "borderColor" },
      { name: "borderWidth", size: 1, type: FLOAT, source: "borderWidth" },
    ],
    glsl: `
vec4 layer_outlined(vec4 v_fillColor, vec4 v_borderColor, float v_borderWidth) {
  float inner = -v_borderWidth * context.pixelToUV;
  return mix(v_fillColor, v_borderColor, smoothstep(inner - context.aaWidth, inner + context.aaWidth, context.sdf));
}
`,
  };
}

/** What is lit, and the labels, are drawn over all that is faded. */
const LAYERS = ["edges", "nodes", "topEdges", "topNodes"] as const;

/** What sigma draws things with. */
export function primitives() {
  return {
    depthLayers: LAYERS,
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
