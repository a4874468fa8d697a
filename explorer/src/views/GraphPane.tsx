import { useEffect, useRef } from "preact/hooks";
import { whole } from "../format";
import { counted, go, lang, light, lightName, ring, shown, t, url, useSvg, webgl } from "../state/store";
import { GlGraph } from "./GlGraph";
import { Legend } from "./Legend";
import { onGraphKey, type Pen } from "./keys";
import { PathBar } from "./PathBar";
import { SvgGraph } from "./SvgGraph";

/** The graph with its tools and legend. */
export function GraphPane() {
  const pen = useRef<Pen | null>(null);
  const graph = shown.value;
  const now = counted.value;
  useEffect(() => {
    if (!url.value.test) return;
    window.__graphmlTest = { nodePosition: (id) => pen.current?.position(id) ?? null, inner: () => pen.current?.inner?.() ?? null };
  }, []);
  if (!graph || !now) return null;
  const counts = {
    nodes: whole(now.nodes.size, lang.value),
    allNodes: whole(graph.nodes.size, lang.value),
    edges: whole(now.edges.size, lang.value),
    allEdges: whole(graph.edges.size, lang.value),
    events: whole(now.events.length, lang.value),
    allEvents: whole(graph.events.size, lang.value),
  };
  const complete = now.nodes.size === graph.nodes.size && now.edges.size === graph.edges.size && now.events.length === graph.events.size;
  const lit = url.value.light;
  return (
    <section class="graph" aria-labelledby="graph-title" data-testid="graph">
      <div class="bar">
        <h3 id="graph-title" class="unseen">
          {t("graph.title")}
        </h3>
        <p class="count" role="status" aria-live="polite" data-testid="counts">
          {t(complete ? "graph.countsAll" : "graph.counts", counts)}
        </p>
        <div class="tools">
          <button type="button" class="quiet" aria-label={t("graph.zoomIn")} title={t("graph.zoomIn")} onClick={() => pen.current?.zoom(0.7)} data-testid="zoom-in">
            +
          </button>
          <button type="button" class="quiet" aria-label={t("graph.zoomOut")} title={t("graph.zoomOut")} onClick={() => pen.current?.zoom(1.4)} data-testid="zoom-out">
            −
          </button>
          <button type="button" class="quiet" onClick={() => pen.current?.fit()} data-testid="fit">
            {t("graph.fit")}
          </button>
          {webgl.value && (
            <label class="choice">
              <span class="unseen">{t("graph.drawing")}</span>
              <select value={url.value.view} onChange={(event) => go({ view: event.currentTarget.value === "table" ? "table" : "graph" })} data-testid="view">
                <option value="graph">{t("graph.webgl")}</option>
                <option value="table">{t("graph.svg")}</option>
              </select>
            </label>
          )}
        </div>
      </div>
      <div class="over-stage">
        {lit !== null && light.value && (
          <p class="filter lit" data-testid="lit">
            {t("graph.light", { what: lightName(lit) })}
            <button type="button" class="link" onClick={() => go({ light: null }, true)} data-testid="unlight">
              {t("graph.unlight")}
            </button>
          </p>
        )}
      </div>
      <div
        class="stage"
        role="application"
        tabIndex={0}
        aria-label={t("graph.label", { nodes: counts.nodes, edges: counts.edges })}
        onKeyDown={(event) => onGraphKey(event, pen.current)}
        data-testid="stage"
      >
        {useSvg.value ? <SvgGraph pen={pen} /> : <GlGraph pen={pen} />}
      </div>
      <Legend />
      <div class="notes">
        {!webgl.value && <p class="hint">{t("graph.noWebgl")}</p>}
        {graph.truncated && (
          <p class="hint" data-testid="truncated">
            {t("graph.truncated", { n: whole(ring.value?.graph.events.length ?? 0, lang.value), total: whole(graph.eventsTotal, lang.value) })}
          </p>
        )}
        <PathBar />
      </div>
    </section>
  );
}
