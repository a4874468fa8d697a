import { useEffect } from "preact/hooks";
import type { Case } from "../api";
import { day, minute, visible } from "../format";
import { caseRows, casesBusy, casesCount, casesNext, chooseCase, loadCases, moreCases } from "../state/caselist";
import { go, mayAct, session, t, url, w } from "../state/store";
import { CASE_FILTERS, type CaseFilter } from "../state/url";
import { Id } from "./Id";
import { OpenOn } from "./OpenOn";
import { focusRow } from "./RingList";

const HEADS = ["about", "state", "outcome", "assignee", "opened", "updated"] as const;

export function openCases(): void {
  go({ page: "cases" }, true);
}

export function closeCases(): void {
  go({ page: "rings", caseId: null }, true);
  document.getElementById("cases-open")?.focus();
}

/** Step back: from the case to its row, from the list to the rings. */
export function backInCases(): void {
  const inside = document.getElementById("case-view")?.contains(document.activeElement);
  if (inside && caseRows.value && caseRows.value.length > 0) focusRow(0);
  else closeCases();
}

function step(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  focusRow(event.key === "ArrowDown" ? 1 : -1);
}

async function choose(row: Case): Promise<void> {
  await chooseCase(row);
  if (url.value.page === "rings") setTimeout(() => document.getElementById("ring")?.focus());
}

export function CaseList() {
  const user = session.value?.user ?? null;
  const { cases, mine } = url.value;
  useEffect(() => {
    if (user !== null) void loadCases();
  }, [user, cases, mine]);
  const rows = caseRows.value;
  return (
    <>
      <div class="bar">
        <h2 id="cases-title">{t("cases.title")}</h2>
        <span class="count" data-testid="case-count">
          {rows === null ? t("list.loading") : casesCount()}
        </span>
        <button type="button" onClick={closeCases} data-testid="cases-close">
          {t("pictures.close")}
        </button>
      </div>
      <div class="filters">
        <label class="choice">
          <span>{t("case.state")}</span>
          <select value={cases} onChange={(event) => go({ cases: event.currentTarget.value as CaseFilter })} data-testid="filter-cases">
            {CASE_FILTERS.map((value) => (
              <option key={value} value={value}>
                {value === "all" ? t("list.all") : w("state", value)}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={mine} onChange={(event) => go({ mine: event.currentTarget.checked })} data-testid="filter-mine" />
          {t("cases.mine")}
        </label>
      </div>
      <div class="scroll" aria-busy={casesBusy.value}>
        {rows !== null && rows.length > 0 && <Table rows={rows} />}
        {rows?.length === 0 && (
          <p class="empty" data-testid="cases-empty">
            {t(cases === "all" && !mine ? "cases.none" : "cases.empty")}
          </p>
        )}
        {casesNext.value !== null && (
          <button type="button" class="more" disabled={casesBusy.value} onClick={() => void moreCases()} data-testid="cases-more">
            {t("list.more")}
          </button>
        )}
      </div>
      {mayAct.value && <OpenOn />}
      <p class="hint">{t("cases.keys")}</p>
    </>
  );
}

function Table({ rows }: { rows: Case[] }) {
  return (
    <table class="data rings" data-testid="case-rows">
      <caption class="unseen">{t("cases.title")}</caption>
      <thead>
        <tr>
          {HEADS.map((name) => (
            <th key={name} scope="col">
              {t(`col.${name}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody onKeyDown={step}>
        {rows.map((row) => (
          <Row key={row.case_id} row={row} current={row.case_id === url.value.caseId} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, current }: { row: Case; current: boolean }) {
  return (
    <tr class={current ? "chosen" : undefined} onClick={() => void choose(row)} data-case={row.case_id}>
      <td>
        <button
          type="button"
          class="link"
          data-row
          data-testid="case-row"
          aria-current={current}
          onClick={(event) => {
            event.stopPropagation();
            void choose(row);
          }}
        >
          {w("unit", row.unit)} <Id value={row.id} most={24} />
        </button>
        <small>{visible(row.case_id)}</small>
      </td>
      <td>{w("state", row.state)}</td>
      <Outcome row={row} />
      <td>{row.assignee === null ? "–" : <Id value={row.assignee} most={18} />}</td>
      <td>
        {day(row.opened)}
        <small>
          <Id value={row.opened_by} most={18} />
        </small>
      </td>
      <td>{minute(row.updated)}</td>
    </tr>
  );
}

/** What was decided, or what waits for a second person. */
function Outcome({ row }: { row: Case }) {
  if (row.proposal) {
    return (
      <td>
        <strong class="due">{t("cases.proposed", { verdict: w("verdict", row.proposal.verdict), who: visible(row.proposal.by) })}</strong>
        <small>{t("cases.due")}</small>
      </td>
    );
  }
  return (
    <td>
      {row.verdict ? w("decided", row.verdict) : "–"}
      <small>{row.code && w("code", row.code)}</small>
    </td>
  );
}
