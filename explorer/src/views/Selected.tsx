import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import type { GraphNode, Member } from "../api";
import { get, path as pathOf } from "../client";
import { decimal, minute, whole } from "../format";
import { colourOf } from "../graph/look";
import { collapse, expand, MOST, PIECE } from "../state/load";
import { counted, expansions, explain, go, lang, palette, pathFrom, pathTo, pin, pins, places, selected, session, shown, t, w } from "../state/store";
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
  const here = shown.value?.neighbors.get(node.id)?.size ?? 0;
  if (session.value && !session.value.nodes.includes(node.type)) return null;
  if (reached >= total || (!before && here >= total)) return <p class="hint">{t("node.expandAll", { total: whole(total, lang.value) })}</p>;
  if (reached >= MOST) return <p class="hint">{t("node.capped", { n: whole(reached, lang.value), total: whole(total, lang.value) })}</p>;
  return (
    <button type="button" class="main" onClick={() => void expand(node.id)} data-testid="expand">
      {t(before ? "node.expand" : "node.expandFirst", { n: whole(Math.min(PIECE, total - reached), lang.value), total: whole(total, lang.value) })}
    </button>
  );
}

function Facts({ node }: { node: GraphNode }) {
  const near = shown.value?.neighbors.get(node.id)?.size ?? 0;
  const edges = (shown.value?.edgesOf.get(node.id) ?? []).flatMap((id) => shown.value?.edges.get(id) ?? []);
  const events = edges.reduce((sum, edge) => sum + (counted.value?.edges.get(edge.id) ?? 0), 0);
  const first = edges.reduce((least, edge) => (least === "" || edge.first < least ? edge.first : least), "");
  const last = edges.reduce((most, edge) => (edge.last > most ? edge.last : most), "");
  return (
    <dl class="pairs">
      <dt>{t("node.degree")}</dt>
      <dd>{whole(node.degree, lang.value)}</dd>
      <dt>{t("node.shown")}</dt>
      <dd>{whole(near, lang.value)}</dd>
      {node.type !== "member" && (
        <>
          <dt>{t("node.events")}</dt>
          <dd>{whole(events, lang.value)}</dd>
          <dt>{t("node.first")}</dt>
          <dd>{minute(first)}</dd>
          <dt>{t("node.last")}</dt>
          <dd>{minute(last)}</dd>
        </>
      )}
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
  const ids = [...(shown.value?.neighbors.get(node.id) ?? [])].sort();
  const near = ids.flatMap((id) => shown.value?.nodes.get(id) ?? []);
  return (
    <section>
      <h4>
        {t("node.neighbors")} <span class="tally">{whole(near.length, lang.value)}</span>
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
