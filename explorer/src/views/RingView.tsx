import type { ComponentChildren } from "preact";
import type { Ring } from "../api";
import { at, day, decimal, money, whole } from "../format";
import { go, lang, ring, rings, ringState, t, url, w } from "../state/store";
import type { Panel } from "../state/url";
import { FormerRing } from "./FormerRing";
import { GraphPane } from "./GraphPane";
import { Guard } from "./Guard";
import { Id } from "./Id";
import { Reasons } from "./Reasons";
import { RingCase } from "./RingCase";
import { Selected } from "./Selected";
import { Tables } from "./Tables";
import { Tabs } from "./Tabs";
import { TimeBar } from "./TimeBar";

const PANELS: Panel[] = ["reasons", "selected", "case"];

export function RingView() {
  const found = ring.value;
  return (
    <main id="ring" class="ring" tabIndex={-1} aria-busy={ringState.value === "loading"} data-testid="ring">
      {!url.value.list && (
        <button type="button" class="quiet show-list" onClick={() => go({ list: true })} data-testid="list-show">
          {t("list.show")}
        </button>
      )}
      {found ? (
        <>
          <Head found={found} />
          <div class="columns">
            <div class="middle">
              <Guard of={found.ring_id}>
                <GraphPane />
                <TimeBar />
              </Guard>
              <Guard of={found.ring_id}>
                <Tables found={found} />
              </Guard>
            </div>
            <section class="side" aria-label={t("panel.title")}>
              <Tabs
                name="panel"
                label={t("panel.title")}
                tabs={PANELS.map((id) => ({ id, text: t(`panel.${id}`) }))}
                active={url.value.panel}
                onPick={(panel) => go({ panel })}
              >
                <Guard of={`${found.ring_id} ${url.value.panel} ${url.value.node}`}>
                  {url.value.panel === "reasons" && <Reasons found={found} />}
                  {url.value.panel === "selected" && <Selected />}
                  {url.value.panel === "case" && <RingCase />}
                </Guard>
              </Tabs>
            </section>
          </div>
        </>
      ) : (
        <p class="empty" data-testid="ring-empty">
          {ringState.value === "loading"
            ? t("ring.loading")
            : ringState.value === "unknown"
              ? <FormerRing id={url.value.ring ?? ""} />
              : rings.value.length > 0
                ? t("ring.none")
                : ""}
        </p>
      )}
    </main>
  );
}

function Head({ found }: { found: Ring }) {
  const days = Math.max(1, Math.ceil((at(found.last) - at(found.first)) / 86_400_000));
  const flagged = found.graph.nodes.filter((node) => node.type === "member" && node.flagged).length;
  return (
    <div class="head" data-testid="ring-head">
      <h2>
        {w("kind", found.kind)} <Id value={found.ring_id} most={30} />
      </h2>
      <dl class="facts">
        <Fact name={t("ring.rank")}>{whole(found.rank, lang.value)}</Fact>
        <Fact name={t("ring.score")} aside note={w("score", found.score_kind)}>
          {decimal(found.score, 3, lang.value)}
        </Fact>
        <Fact name={t("ring.status")}>{w("status", found.status)}</Fact>
        <Fact name={t("ring.members")} note={flagged > 0 ? t("ring.flagged", { n: whole(flagged, lang.value) }) : undefined}>
          {whole(found.members.length, lang.value)}
        </Fact>
        <Fact name={t("ring.gross")} note={t("ring.net", { amount: money(found.amount_net, null, lang.value) })}>
          {money(found.amount_gross, found.currency, lang.value)}
        </Fact>
        <Fact name={t("ring.dates")} aside note={days === 1 ? t("ring.day") : t("ring.days", { n: whole(days, lang.value) })}>
          {day(found.first)} – {day(found.last)}
        </Fact>
        <Fact name={t("ring.decision")}>{found.decision ? w("decided", found.decision) : t("ring.undecided")}</Fact>
        <Fact name={t("ring.case")} note={found.case?.assignee ?? undefined}>
          {found.case ? w("state", found.case.state) : t("ring.noCase")}
        </Fact>
      </dl>
    </div>
  );
}

function Fact({ name, note, aside, children }: { name: string; note?: string; aside?: boolean; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {children}
        {note && <small class={aside ? "aside" : undefined}>{note}</small>}
      </dd>
    </div>
  );
}
