import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Canvas } from "../graph/canvas";
import { expand } from "../state/load";
import { go, hovered, pin, places, scene, webgl } from "../state/store";
import type { Pen } from "./keys";

// Begun at once, beside the first questions to the service; a page without WebGL never needs it.
// Whether a context can be had shows when the graph is drawn: to try it here would hold up the page.
const loaded = typeof WebGL2RenderingContext === "function" ? import("../graph/canvas") : null;
if (!loaded) webgl.value = false;

function hasWebgl(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  // Browsers allow few contexts at a time: this one was only to ask.
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/** Once the page is painted: to set up WebGL takes long, and the tables need not wait for it. */
function painted(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

const HANDLERS = {
  select: (id: string | null) => go(id === null ? { node: null } : { node: id, panel: "selected" as const }, true),
  hover: (id: string | null) => (hovered.value = id),
  drag: pin,
  expand: (id: string) => void expand(id),
};

/** The graph by WebGL. */
export function GlGraph({ pen }: { pen: { current: Pen | null } }) {
  const box = useRef<HTMLDivElement>(null);
  const glass = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let canvas: Canvas | null = null;
    let gone = false;
    const stops: (() => void)[] = [];
    Promise.all([loaded, painted()])
      .then(([module]) => {
        if (gone || !module || !box.current || !glass.current) return;
        if (!hasWebgl()) {
          webgl.value = false;
          return;
        }
        const made = new module.Canvas(box.current, glass.current, HANDLERS);
        canvas = made;
        pen.current = made;
        stops.push(effect(() => void (scene.value && made.draw(scene.value, places.value))));
        const watch = new ResizeObserver(() => made.resize());
        watch.observe(box.current);
        stops.push(() => watch.disconnect());
      })
      .catch((error: unknown) => {
        console.error(error);
        webgl.value = false;
      });
    return () => {
      gone = true;
      stops.forEach((stop) => stop());
      if (pen.current === canvas) pen.current = null;
      canvas?.kill();
      hovered.value = null;
    };
  }, []);
  return (
    <>
      <div class="gl" ref={box} />
      <div class="gl glass" ref={glass} />
    </>
  );
}
