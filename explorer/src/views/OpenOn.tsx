import { useState } from "preact/hooks";
import { Problem } from "../client";
import { openOn } from "../state/caselist";
import { failed } from "../state/load";
import { explain, t, w } from "../state/store";

const UNITS = ["member", "order"];
const LONGEST = 1_000;

/** Open a case on a member or an order, by its id. */
export function OpenOn() {
  const [unit, setUnit] = useState(UNITS[0]);
  const [id, setId] = useState("");
  const [bad, setBad] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (!id.trim()) return setBad(t("cases.lacksId"));
    setBusy(true);
    setBad(null);
    try {
      await openOn(unit, id);
      setId("");
    } catch (error) {
      if (error instanceof Problem && error.status === 401) failed(error);
      else setBad(explain(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="open-on" onSubmit={send} noValidate data-testid="open-on">
      <label for="open-unit">{t("cases.openOn")}</label>
      <select id="open-unit" value={unit} onChange={(event) => setUnit(event.currentTarget.value)} data-testid="open-unit">
        {UNITS.map((value) => (
          <option key={value} value={value}>
            {w("unit", value)}
          </option>
        ))}
      </select>
      <input
        id="open-id"
        aria-label={t("col.id")}
        placeholder={t("col.id")}
        autocomplete="off"
        maxLength={LONGEST}
        value={id}
        aria-invalid={bad !== null}
        aria-describedby="open-bad"
        onInput={(event) => {
          setId(event.currentTarget.value);
          setBad(null);
        }}
        data-testid="open-id"
      />
      <button type="submit" disabled={busy} data-testid="open-go">
        {t("cases.open")}
      </button>
      <p id="open-bad" class="bad" role="alert" data-testid="open-bad">
        {bad}
      </p>
    </form>
  );
}
