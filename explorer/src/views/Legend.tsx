import { whole } from "../format";
import { colourOf } from "../graph/look";
import { census } from "../graph/model";
import { counted, go, hidden, lang, palette, session, shown, t, w } from "../state/store";
import { Mark } from "./Mark";

function toggle(type: string): void {
  const left = new Set(hidden.value);
  if (!left.delete(type)) left.add(type);
  go({ hide: [...left].sort() }, true);
}

/** Types of nodes: their look, how many count, and a switch for each. */
export function Legend() {
  if (!shown.value || !counted.value) return null;
  const rows = census(shown.value, counted.value, session.value?.nodes ?? []);
  return (
    <div class="legend" role="group" aria-label={t("graph.legend")} title={t("graph.legendHint")} data-testid="legend">
      {rows.map(({ type, all, now }) => (
        <button
          key={type}
          type="button"
          aria-pressed={!hidden.value.has(type)}
          onClick={() => toggle(type)}
          data-testid={`legend-${type}`}
        >
          <Mark type={type} colour={colourOf(type, palette.value)} />
          <span>{w("type", type)}</span>
          <span class="tally">
            {now === all ? whole(all, lang.value) : `${whole(now, lang.value)}/${whole(all, lang.value)}`}
          </span>
        </button>
      ))}
      <p class="hint">{t("graph.key")}</p>
    </div>
  );
}
