import { useEffect, useState } from "preact/hooks";
import type { Case, CasePage, Decision } from "../api";
import { get, withQuery } from "../client";
import { day, visible } from "../format";
import { openCaseView } from "../state/caselist";
import { failed, persist } from "../state/load";
import { session, t, w } from "../state/store";

interface Known {
  of: string;
  case: Case | null;
  decision: Decision | null;
}

async function ask(id: string, order: AbortSignal): Promise<Known> {
  const query = { unit: "ring", id, limit: 1 };
  const [{ cases }, { decisions }] = await Promise.all([
    persist(() => get<CasePage>(withQuery("cases", query), order), order),
    persist(() => get<{ decisions: Decision[] }>(withQuery("decisions", query), order), order),
  ]);
  return { of: id, case: cases[0] ?? null, decision: decisions[0] ?? null };
}

/** A ring that the run in view does not hold: what was decided on it, and its case. */
export function FormerRing({ id }: { id: string }) {
  const [known, setKnown] = useState<Known | null>(null);
  const changed = session.value?.changed;
  useEffect(() => {
    const order = new AbortController();
    ask(id, order.signal).then(setKnown, failed);
    return () => order.abort();
  }, [id, changed]);
  if (known?.of !== id) return <>{t("ring.loading")}</>;
  const { case: held, decision } = known;
  if (!held && !decision) return <>{t("ring.unknown")}</>;
  return (
    <span class="former" data-testid="former-ring">
      {decision
        ? t("former.decided", { verdict: w("decided", decision.verdict), who: visible(decision.by), day: day(decision.time) })
        : t("former.case", { state: w("state", held?.state ?? "open") })}
      {held && (
        <button type="button" onClick={() => openCaseView(held.case_id)} data-testid="former-case">
          {t("former.open")}
        </button>
      )}
    </span>
  );
}
