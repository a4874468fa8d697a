import { useEffect, useState } from "preact/hooks";
import { go, session, t, url, w } from "../state/store";

const STATUSES = ["new", "grown", "unchanged", "shrunk"];
const STATES = ["none", "open", "waiting", "resolved"];
const DECISIONS = ["none", "confirm", "dismiss"];
const PAUSE = 250;

export function Filters() {
  const [q, setQ] = useState(url.value.q);
  const inAddress = url.value.q;
  useEffect(() => setQ(inAddress), [inAddress]);
  useEffect(() => {
    if (q === url.value.q) return;
    const timer = setTimeout(() => go({ q }), PAUSE);
    return () => clearTimeout(timer);
  }, [q]);
  const active = url.value.kind || url.value.status || url.value.state || url.value.decision || url.value.q;
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <input
        id="search"
        type="search"
        value={q}
        aria-label={t("list.search")}
        placeholder={t("list.search")}
        onInput={(event) => setQ(event.currentTarget.value)}
        data-testid="search"
      />
      <Choice name="kind" group="kind" values={session.value?.ring_kinds ?? (url.value.kind ? [url.value.kind] : [])} />
      <Choice name="status" group="status" values={STATUSES} />
      <Choice name="state" group="state" values={STATES} />
      <Choice name="decision" group="verdict" values={DECISIONS} />
      {active && (
        <button
          type="button"
          class="quiet"
          onClick={() => go({ q: "", kind: "", status: "", state: "", decision: "" })}
          data-testid="clear-filters"
        >
          {t("list.clear")}
        </button>
      )}
    </form>
  );
}

interface ChoiceProps {
  name: "kind" | "status" | "state" | "decision";
  group: string;
  values: string[];
}

const LABELS = { kind: "list.kind", status: "list.status", state: "list.case", decision: "list.decision" } as const;

function Choice({ name, group, values }: ChoiceProps) {
  return (
    <label class="choice">
      <span>{t(LABELS[name])}</span>
      <select value={url.value[name]} onChange={(event) => go({ [name]: event.currentTarget.value })} data-testid={`filter-${name}`}>
        <option value="">{t("list.all")}</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {w(group, value)}
          </option>
        ))}
      </select>
    </label>
  );
}
