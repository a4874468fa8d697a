import type { Reason, Ring } from "../api";
import { visible, whole } from "../format";
import { go, lang, t, url } from "../state/store";

/** What speaks for the ring and against it; each lights up its edges and narrows the events. */
export function Reasons({ found }: { found: Ring }) {
  return (
    <>
      <List kind="reason" title={t("reasons.for")} none={t("reasons.noneFor")} reasons={found.reasons} />
      <List kind="counter" title={t("reasons.against")} none={t("reasons.noneAgainst")} reasons={found.counter_evidence} />
    </>
  );
}

interface ListProps {
  kind: "reason" | "counter";
  title: string;
  none: string;
  reasons: Reason[];
}

function List({ kind, title, none, reasons }: ListProps) {
  return (
    <section class={`reasons ${kind}`} data-testid={kind === "reason" ? "evidence" : "counter-evidence"}>
      <h3>
        {title} <span class="tally">{reasons.length}</span>
      </h3>
      {reasons.length === 0 && <p class="empty">{none}</p>}
      <ol>
        {reasons.map((reason, index) => (
          <Item key={index} name={`${kind}:${index}`} reason={reason} />
        ))}
      </ol>
    </section>
  );
}

function Item({ name, reason }: { name: string; reason: Reason }) {
  const lit = url.value.light === name;
  const events = reason.event_ids.length;
  return (
    <li>
      <button
        type="button"
        class="reason"
        aria-pressed={lit}
        onClick={() => go({ light: lit ? null : name, tab: "events" }, true)}
        data-testid="reason"
      >
        <span dir="auto" lang="en">
          {visible(reason.text)}
        </span>
        <small>
          <code>{visible(reason.code)}</code>{" "}
          {events === 1 ? t("reasons.event") : t("reasons.events", { n: whole(events, lang.value) })}
        </small>
      </button>
    </li>
  );
}
