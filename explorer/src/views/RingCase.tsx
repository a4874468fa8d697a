import { caseBusy, currentCase, openCase } from "../state/cases";
import { mayAct, t } from "../state/store";
import { CasePanel } from "./CasePanel";

/** The case of the ring in view, or a way to open one. */
export function RingCase() {
  return <CasePanel found={currentCase.value} none={<None />} />;
}

function None() {
  return (
    <>
      <p class="empty">{t("case.none")}</p>
      {mayAct.value && (
        <button type="button" class="main" disabled={caseBusy.value} onClick={() => void openCase()} data-testid="case-open">
          {t("case.open")}
        </button>
      )}
    </>
  );
}
