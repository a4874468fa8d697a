import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import type { GraphNode, Member } from "../api";
import { get, path as pathOf } from "../client";
import { decimal, minute, whole } from "../format";
import { colourOf } from "../graph/look";
import { lifeOfEdges, lifeWithin, neighborsWithin } from "../graph/within";
import { collapse, expand, MOST, PIECE } from "../state/load";
import { counted, expansions, explain, go, lang, palette, pathFrom, pathTo, pin, pins, places, selected, session, shown, span, t, w } from "../state/store";
import { Id } from "./Id";
import { Mark } from "./Mark";
import { MemberFacts } from "./MemberFacts";
import { pick } from "./Tables";

export const member = signal<{ id: string; value: Member | null; failed: string | null } | null>(null);

async function load(id: string, signal: AbortSignal): Promise<void> {
  member.value = { id, value: null, failed: null };
  try {
    member.value = { id, value: await get<Member>(pathOf("members", id), signal), failed: null };
  } catch (error) {
    if (!signal.aborted) member.value = { id, value: null, failed: explain(error) };
  }
}

export function Selected() {
  const id = selected.value;
  const node = id === null ? undefined : shown.value?.nodes.get(id);
  const key = node?.type === "member" ? node.key : null;
  useEffect(() => {
    if (key === null) return undefined;
    const order = new AbortController();
    void load(key, order.signal);
    return () => order.abort();
  }, [key]);
  if (id === null) return <p class="empty">{t("node.none")}</p>;
  if (!node) return <p class="empty">{t("node.gone")}</p>;
  return (
    <div class="node-panel" data-testid="node-panel">
      <h3>
        <Mark type={node.type} colour={colourOf(node.type, palette.value)} /> {w("type", node.type)}
        <bdi class="id whole" data-testid="node-id">
          <Id value={node.key} most={200} />
        </bdi>
      </h3>
      <Actions node={node} />
      <Facts node={node} />
      {key !== null && <MemberFacts state={member.value?.id === key ? member.value : null} />}
      <Neighbors node={node} />
    </div>
  );
}

function Actions({ node }: { node: GraphNode }) {
  const pinned = pins.value.has(node.id);
  const turnPin = () => pin(node.id, pinned ? null : (places.value.get(node.id) ?? { x: 0, y: 0 }));
  const ending = pathFrom.value !== null && pathTo.value === null && pathFrom.value !== node.id;
  const path = () => go(ending ? { pathTo: node.id } : { pathFrom: node.id, pathTo: null });
  return (
    <div class="actions">
      <Expand node={node} />
      {expansions.value.has(node.id) && (
        <button type="button" onClick={() => collapse(node.id)} data-testid="collapse">
          {t("node.collapse")}
        </button>
      )}
      <button type="button" aria-pressed={pinned} onClick={turnPin} data-testid="pin">
        {t(pinned ? "node.unpin" : "node.pin")}
      </button>
      <button type="button" onClick={path} data-testid="path-from">
        {t(ending ? "path.to" : "path.from")}
      </button>
      <button type="button" class="quiet" onClick={() => go({ node: null }, true)} data-testid="deselect">
        {t("node.deselect")}
      </button>
    </div>
  );
}

function Expand({ node }: { node: GraphNode }) {
  const before = expansions.value.get(node.id);
  const reached = before?.reached ?? 0;
  const total = before?.total ?? node.degree;
  if (!knowsNeighbors(node)) return null;
  const here = [...(shown.value?.neighbors.get(node.id) ?? [])].filter((id) => knowsNeighbors(shown.value?.nodes.get(id) ?? node)).length;
  if (reached >= total || (!before && here >= total)) return <p class="hint">{t("node.expandAll", { total: whole(total, lang.value) })}</p>;
  if (reached >= MOST) return <p class="hint">{t("node.capped", { n: whole(reached, lang.value), total: whole(total, lang.value) })}</p>;
  return (
    <button type="button" class="main" onClick={() => void expand(node.id)} data-testid="expand">
      {t(before ? "node.expand" : "node.expandFirst", { n: whole(Math.min(PIECE, total - reached), lang.value), total: whole(total, lang.value) })}
    </button>
  );
}

/** Whether the service counts and brings a node's neighbours: not those of sellers, which are no nodes there. */
function knowsNeighbors(node: GraphNode): boolean {
  return session.value?.nodes.includes(node.type) ?? true;
}

function neighbors(node: GraphNode): GraphNode[] {
  const [graph, now] = [shown.value, counted.value];
  if (!graph || !now) return [];
  return neighborsWithin(graph, now, node.id).flatMap((id) => graph.nodes.get(id) ?? []);
}

/** How often and when a node was seen; of a member's whole time the service knows more than the graph. */
function Seen({ node }: { node: GraphNode }) {
  const [graph, now] = [shown.value, counted.value];
  if (!graph || !now || (node.type === "member" && span.value === null)) return null;
  const { events, first, last } = span.value ? lifeWithin(graph, now, node.id) : lifeOfEdges(graph, node.id);
  return (
    <>
      <dt>{t("node.events")}</dt>
      <dd data-testid="node-events">{whole(events, lang.value)}</dd>
      <dt>{t("node.first")}</dt>
      <dd class="when">{minute(first)}</dd>
      <dt>{t("node.last")}</dt>
      <dd class="when">{minute(last)}</dd>
    </>
  );
}

function Facts({ node }: { node: GraphNode }) {
  const counts = knowsNeighbors(node);
  const near = neighbors(node).filter((other) => !counts || knowsNeighbors(other)).length;
  return (
    <dl class="pairs" data-testid="node-facts">
      {counts && (
        <>
          <dt>{t("node.degree")}</dt>
          <dd>{whole(node.degree, lang.value)}</dd>
        </>
      )}
      <dt>{t(counts ? "node.shownOf" : "node.shown")}</dt>
      <dd data-testid="node-shown">{whole(near, lang.value)}</dd>
      <Seen node={node} />
      {node.role !== null && (
        <>
          <dt>{t("node.role")}</dt>
          <dd>{w("role", node.role)}</dd>
        </>
      )}
      {node.score !== null && (
        <>
          <dt>{t("node.ringScore")}</dt>
          <dd>{decimal(node.score, 3, lang.value)}</dd>
        </>
      )}
      {node.surprise !== null && (
        <>
          <dt>{t("node.surprise")}</dt>
          <dd>{decimal(node.surprise, 1, lang.value)}</dd>
        </>
      )}
      {node.flagged !== null && (
        <>
          <dt>{t("node.flagged")}</dt>
          <dd>{t(node.flagged ? "node.yes" : "node.no")}</dd>
        </>
      )}
    </dl>
  );
}

const NEAR = 30;

function Neighbors({ node }: { node: GraphNode }) {
  const near = neighbors(node);
  return (
    <section>
      <h4>
        {t("node.neighbors")} <span class="tally" data-testid="near">{whole(near.length, lang.value)}</span>
      </h4>
      <ul class="chips">
        {near.slice(0, NEAR).map((other) => (
          <li key={other.id}>
            <button type="button" class="link" onClick={() => pick(other.id)}>
              <Mark type={other.type} colour={colourOf(other.type, palette.value)} size={10} /> <Id value={other.key} most={22} />
            </button>
          </li>
        ))}
      </ul>
      {near.length > NEAR && <p class="hint">{t("node.more", { n: whole(near.length - NEAR, lang.value) })}</p>}
    </section>
  );
}
