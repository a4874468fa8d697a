import { MOST_REASON_EVENTS, type Reason, type Ring } from "../api";
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
  const told = (
    <>
      <span dir="auto" lang="en">
        {visible(reason.text)}
      </span>
      <small>
        <code>{visible(reason.code)}</code> {eventCount(reason)}
      </small>
    </>
  );
  return (
    <li>
      {reason.event_ids.length === 0 ? (
        <p class="reason" data-testid="reason">
          {told}
        </p>
      ) : (
        <button
          type="button"
          class="reason"
          aria-pressed={lit}
          onClick={() => go({ light: lit ? null : name, tab: "events" }, true)}
          data-testid="reason"
        >
          {told}
        </button>
      )}
    </li>
  );
}

/** How many events a reason names; at the service's limit there may be more. */
function eventCount({ event_ids: { length } }: Reason): string {
  if (length === 0) return "";
  if (length === 1) return t("reasons.event");
  return t(length < MOST_REASON_EVENTS ? "reasons.events" : "reasons.firstEvents", { n: whole(length, lang.value) });
}
