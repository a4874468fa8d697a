import type { Member } from "../api";
import { decimal, minute, money, whole } from "../format";
import { nodeId } from "../graph/model";
import { lang, shown, span, t, w } from "../state/store";
import { Id } from "./Id";
import { open } from "./RingList";
import { pick } from "./Tables";

interface Props {
  state: { value: Member | null; failed: string | null } | null;
}

/** What the service knows of a member, beyond the graph that is shown. */
export function MemberFacts({ state }: Props) {
  if (!state || (!state.value && !state.failed)) return <p class="empty">{t("node.loading")}</p>;
  if (!state.value) return <p class="bad">{t("node.failed", { detail: state.failed ?? "" })}</p>;
  const found = state.value;
  return (
    <div data-testid="member-facts">
      {span.value && <h4>{t("node.whole")}</h4>}
      <dl class="pairs">
        <dt>{t("node.events")}</dt>
        <dd>{whole(found.events, lang.value)}</dd>
        <dt>{t("node.first")}</dt>
        <dd class="when">{minute(found.first)}</dd>
        <dt>{t("node.last")}</dt>
        <dd class="when">{minute(found.last)}</dd>
        {found.score !== null && (
          <>
            <dt>{t("node.score")}</dt>
            <dd>
              {decimal(found.score, 3, lang.value)} {found.score_kind && w("score", found.score_kind)}
            </dd>
          </>
        )}
        {found.decision && (
          <>
            <dt>{t("ring.decision")}</dt>
            <dd>{w("decided", found.decision)}</dd>
          </>
        )}
        {found.opted_out && (
          <>
            <dt>{t("node.optedOut")}</dt>
            <dd>{t("node.yes")}</dd>
          </>
        )}
        {found.amounts.length > 0 && (
          <>
            <dt>{t("node.amounts")}</dt>
            <dd>
              {found.amounts.map((amount) => (
                <div key={amount.currency ?? ""}>
                  {money(amount.gross, amount.currency, lang.value)} / {money(amount.refunded, amount.currency, lang.value)}
                </div>
              ))}
            </dd>
          </>
        )}
      </dl>
      <Rings found={found} />
      <Identifiers found={found} />
      <Recent found={found} />
    </div>
  );
}

function Rings({ found }: { found: Member }) {
  if (found.rings.length === 0) return null;
  return (
    <section>
      <h4>{t("node.rings")}</h4>
      <ul class="plain">
        {found.rings.map((row) => (
          <li key={row.ring_id}>
            <button type="button" class="link" onClick={() => open(row.ring_id)}>
              <Id value={row.ring_id} most={22} />
            </button>{" "}
            {w("kind", row.kind)}, {w("role", row.role)}, {decimal(row.score, 3, lang.value)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Identifiers({ found }: { found: Member }) {
  if (found.identifiers.length === 0) return null;
  return (
    <section>
      <h4>{t("node.identifiers")}</h4>
      <table class="data small">
        <caption class="unseen">{t("node.identifiers")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("col.id")}</th>
            <th scope="col" class="number">
              {t("col.members")}
            </th>
            <th scope="col" class="number">
              {t("col.events")}
            </th>
          </tr>
        </thead>
        <tbody>
          {found.identifiers.map((row) => {
            const id = nodeId(row.type, row.id);
            return (
              <tr key={id}>
                <td>
                  {shown.value?.nodes.has(id) ? (
                    <button type="button" class="link" onClick={() => pick(id)}>
                      <Id value={row.id} most={14} />
                    </button>
                  ) : (
                    <Id value={row.id} most={14} />
                  )}
                  <small>{w("type", row.type)}</small>
                </td>
                <td class="number">{whole(row.members, lang.value)}</td>
                <td class="number">{whole(row.events, lang.value)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

const RECENT = 12;

function Recent({ found }: { found: Member }) {
  if (found.recent.length === 0) return null;
  return (
    <section>
      <h4>{t("node.recent")}</h4>
      <ul class="plain numbers">
        {found.recent.slice(0, RECENT).map((event) => (
          <li key={event.event_id}>
            <span>{minute(event.time)}</span> {w("event", event.kind)}
            {event.amount != null && ` ${money(event.amount, event.currency, lang.value)}`}
          </li>
        ))}
      </ul>
    </section>
  );
}

