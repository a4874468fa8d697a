import type { Case, HistoryEntry } from "../api";
import { minute, prose, ruling, visible } from "../format";
import { t, w } from "../state/store";
import { Id } from "./Id";

const RULINGS = ["proposed", "approved", "resolved"];

/** What an entry says, and the words that a person wrote: verdicts, codes and names are not those. */
function told({ action, text }: HistoryEntry): { what: string | null; words: string } {
  const said = text ?? "";
  const ruled = RULINGS.includes(action) ? ruling(said) : null;
  if (ruled) {
    const code = ruled.code && w("code", ruled.code);
    return { what: [w("verdict", ruled.verdict), code].filter(Boolean).join(", "), words: ruled.comment };
  }
  if (action !== "assigned") return { what: null, words: said };
  return { what: said === "to nobody" ? t("case.toNobody") : t("case.to", { who: visible(said.replace(/^to /, "")) }), words: "" };
}

/** What happened to a case, the last first. */
export function History({ found }: { found: Case }) {
  if (!found.history) return null;
  return (
    <section>
      <h4>{t("case.history")}</h4>
      <ol class="history" data-testid="history">
        {found.history.map((entry, index) => <Entry key={index} entry={entry} />).reverse()}
      </ol>
    </section>
  );
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const { what, words } = told(entry);
  return (
    <li>
      <span class="when">{minute(entry.time)}</span> <Id value={entry.by} /> {w("action", entry.action)}
      {what && `: ${what}`}
      {words && (
        <div class="quote" dir="auto">
          {prose(words)}
        </div>
      )}
    </li>
  );
}
