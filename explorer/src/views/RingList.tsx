import type { RingRow } from "../api";
import { day, money, visible, whole } from "../format";
import { loadRings } from "../state/load";
import { go, lang, rings, ringsNext, ringsState, ringsTotal, session, shownRun, t, url, w } from "../state/store";
import type { Sort } from "../state/url";
import { Arrow } from "./DataTable";
import { Filters } from "./Filters";

const HEADS: { sort: Sort | null; key: "rank" | "kind" | "members" | "net" | "dates" | "case"; number: boolean }[] = [
  { sort: "rank", key: "rank", number: true },
  { sort: null, key: "kind", number: false },
  { sort: "members", key: "members", number: true },
  { sort: "amount", key: "net", number: true },
  { sort: "first", key: "dates", number: false },
  { sort: null, key: "case", number: false },
];

/** The order a column begins with: ranks and dates from the first, sizes from the largest. */
const FALLING: Sort[] = ["members", "amount", "score", "last"];

function turn(sort: Sort): void {
  const now = url.value;
  go({ sort, desc: now.sort === sort ? !now.desc : FALLING.includes(sort) });
}

export function open(id: string): void {
  go({ ring: id, node: null, from: null, to: null, light: null, opened: [], pins: [], pathFrom: null, pathTo: null }, true);
}

function step(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  focusRow(event.key === "ArrowDown" ? 1 : -1);
}

/** Move the focus from the row that has it, else from the open one, up or down the list. */
export function focusRow(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const has = rows.findIndex((row) => row === document.activeElement);
  const from = has >= 0 ? has : rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const next = rows[Math.min(rows.length - 1, Math.max(0, from + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function RingList() {
  if (!url.value.list) return null;
  return (
    <nav class="list" aria-labelledby="list-title" data-testid="ring-list">
      <div class="bar">
        <h2 id="list-title">{t("list.title")}</h2>
        <span class="count" data-testid="ring-count">
          {ringsState.value === "loading" && rings.value.length === 0
            ? t("list.loading")
            : countText()}
        </span>
        <button type="button" class="quiet" onClick={() => go({ list: false })} data-testid="list-hide">
          {t("list.hide")}
        </button>
      </div>
      <Filters />
      <div class="scroll" aria-busy={ringsState.value === "loading"}>
        {rings.value.length > 0 ? <Table /> : ringsState.value === "done" && <Empty />}
        {ringsNext.value !== null && (
          <button type="button" class="more" onClick={() => void loadRings(true)} data-testid="load-more">
            {t("list.more")}
          </button>
        )}
      </div>
      <p class="hint">{t("list.keys")}</p>
    </nav>
  );
}

function filtered(): boolean {
  return (["q", "kind", "status", "state", "decision"] as const).some((name) => url.value[name] !== "");
}

/** Under filters how many of all rings fit, else how many of all are listed. */
function countText(): string {
  const all = shownRun.value?.rings ?? ringsTotal.value;
  return t("list.count", {
    shown: whole(filtered() ? ringsTotal.value : rings.value.length, lang.value),
    total: whole(filtered() ? all : ringsTotal.value, lang.value),
  });
}

function Empty() {
  if (shownRun.value === null && session.value?.run == null) {
    return (
      <p class="empty" data-testid="list-empty">
        {t("list.noRun")} <code>graphml detect-rings --write --store {session.value?.store}</code>
      </p>
    );
  }
  return (
    <p class="empty" data-testid="list-empty">
      {filtered() ? t("list.empty") : t("list.noRings")}
    </p>
  );
}

function Table() {
  const { sort, desc } = url.value;
  return (
    <table class="data rings" data-testid="rings">
      <caption class="unseen">{t("list.title")}</caption>
      <thead>
        <tr>
          {HEADS.map((head) => {
            const direction = head.sort !== sort ? "none" : desc ? "descending" : "ascending";
            const name = t(`col.${head.key}`);
            return head.sort ? (
              <th key={head.key} scope="col" class={head.number ? "number" : undefined} aria-sort={direction}>
                <button
                  type="button"
                  onClick={() => turn(head.sort as Sort)}
                  aria-label={head.key === "rank" ? t("col.rankLong") : undefined}
                  data-testid={`sort-${head.sort}`}
                >
                  {name}
                  <Arrow direction={direction} />
                </button>
              </th>
            ) : (
              <th key={head.key} scope="col">
                {name}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody onKeyDown={step}>
        {rings.value.map((row) => (
          <Row key={row.ring_id} row={row} current={row.ring_id === url.value.ring} />
        ))}
      </tbody>
    </table>
  );
}

/** How many of the members are flagged: in short for the eye, in words for the ear. */
function Flags({ row }: { row: RingRow }) {
  if (row.flagged === 0) return <small />;
  const all = row.flagged >= row.members;
  const counts = { n: whole(row.flagged, lang.value), all: whole(row.members, lang.value) };
  return (
    <small>
      <span aria-hidden="true">⚑ {all ? t("list.all") : `${counts.n}/${counts.all}`}</span>
      <span class="unseen">{t(all ? "list.flaggedAll" : "list.flagged", counts)}</span>
    </small>
  );
}

function Row({ row, current }: { row: RingRow; current: boolean }) {
  return (
    <tr class={current ? "chosen" : undefined} onClick={() => open(row.ring_id)} data-ring={row.ring_id}>
      <td class="number">{whole(row.rank, lang.value)}</td>
      <td>
        <button
          type="button"
          class="link"
          data-row
          data-testid="ring-row"
          aria-current={current}
          title={visible(row.reason ? `${row.ring_id}: ${row.reason}` : row.ring_id)}
          onClick={(event) => {
            event.stopPropagation();
            open(row.ring_id);
          }}
        >
          {w("kind", row.kind)}
        </button>
        <small>{w("status", row.status)}</small>
      </td>
      <td class="number" title={t("list.members", { n: row.members, flagged: row.flagged })}>
        {whole(row.members, lang.value)}
        <Flags row={row} />
      </td>
      <td class="number" title={`${t("ring.gross")}: ${money(row.amount_gross, row.currency, lang.value)}`}>
        {money(row.amount_net, null, lang.value)}
        <small>{row.currency && visible(row.currency)}</small>
      </td>
      <td class="dates">
        {day(row.first)}
        <small>{day(row.last)}</small>
      </td>
      <td>
        {row.decision ? w("decided", row.decision) : t("verdict.none")}
        <small>{row.case ? w("state", row.case.state) : t("state.none")}</small>
      </td>
    </tr>
  );
}
