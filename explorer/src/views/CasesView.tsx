import { useEffect, useRef, useState } from "preact/hooks";
import type { Case, RingRow } from "../api";
import { findRow } from "../state/decided";
import { showRing } from "../state/caselist";
import { currentCase } from "../state/cases";
import { failed } from "../state/load";
import { session, t, url, w } from "../state/store";
import { CaseList } from "./CaseList";
import { CasePanel } from "./CasePanel";
import { Guard } from "./Guard";
import { Id } from "./Id";

/** All cases, also those whose ring the run in view does not hold, and those on members and orders. */
export function CasesView() {
  const list = useRef<HTMLElement>(null);
  useEffect(() => list.current?.focus(), []);
  const found = currentCase.value;
  const id = url.value.caseId;
  return (
    <div class="page cases" data-testid="cases">
      <nav class="list" ref={list} tabIndex={-1} aria-labelledby="cases-title">
        <CaseList />
      </nav>
      <main id="case-view" class="side case-view" tabIndex={-1} aria-label={t("panel.case")} data-testid="case-view">
        <Guard of={id}>
          {found !== null && typeof found === "object" && <About key={found.case_id} found={found} />}
          <CasePanel found={found} none={<p class="empty">{t("cases.choose")}</p>} />
        </Guard>
      </main>
    </div>
  );
}

/** What the case is about; a ring that the run in view holds can be gone to. */
function About({ found }: { found: Case }) {
  const [row, setRow] = useState<RingRow | null | "asked">("asked");
  const { run, changed } = session.value ?? {};
  useEffect(() => {
    if (found.unit !== "ring") return;
    const order = new AbortController();
    findRow(found.id, order.signal).then(setRow, failed);
    return () => order.abort();
  }, [found.unit, found.id, run?.run_id, changed]);
  return (
    <>
      <h2 data-testid="case-about">
        {w("unit", found.unit)} <Id value={found.id} most={40} />
      </h2>
      {row !== null && row !== "asked" && (
        <button type="button" onClick={() => showRing(row)} data-testid="case-ring">
          {t("cases.ring")}
        </button>
      )}
      {row === null && (
        <p class="hint" data-testid="case-no-ring">
          {t("cases.noRing")}
        </p>
      )}
    </>
  );
}
