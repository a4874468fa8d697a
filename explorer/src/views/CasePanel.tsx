import type { ComponentChildren } from "preact";
import type { Case } from "../api";
import { minute, prose, samePerson, visible } from "../format";
import { caseBusy, caseNote, doTo, exportCase } from "../state/cases";
import { mayAct, session, t, w } from "../state/store";
import { Ask, Assign, Resolve } from "./CaseForms";
import { History } from "./CaseHistory";
import { Id } from "./Id";

interface Props {
  found: Case | "loading" | "unknown" | null;
  /** What stands where there is no case. */
  none?: ComponentChildren;
}

/** A case, and what a person may do to it. */
export function CasePanel({ found, none }: Props) {
  return (
    <div class="case" data-testid="case" aria-busy={caseBusy.value}>
      {session.value && !mayAct.value && (
        <p class="filter" data-testid="case-viewer">
          {t("case.viewer")}
        </p>
      )}
      <p role="status" aria-live="polite" class={caseNote.value ? `note ${caseNote.value.kind}` : "note"} data-testid="case-note">
        {caseNote.value?.text}
      </p>
      {found === null ? (
        none
      ) : typeof found === "string" ? (
        <p class="hint">{t(found === "loading" ? "case.loading" : "case.unknown")}</p>
      ) : (
        <Open key={found.case_id} found={found} />
      )}
    </div>
  );
}

function Open({ found }: { found: Case }) {
  return (
    <>
      <h3>
        {t("case.title", { id: "" })}
        <Id value={found.case_id} most={30} />
      </h3>
      <dl class="pairs">
        <dt>{t("case.state")}</dt>
        <dd data-testid="case-state">{w("state", found.state)}</dd>
        <dt>{t("case.assignee")}</dt>
        <dd data-testid="case-assignee">{found.assignee === null ? t("case.nobody") : <Id value={found.assignee} />}</dd>
        {found.verdict && (
          <>
            <dt>{t("case.verdict")}</dt>
            <dd data-testid="case-verdict">
              {w("decided", found.verdict)}
              {found.code && `, ${w("code", found.code)}`}
            </dd>
          </>
        )}
        {found.decided_by && found.decided_by.length > 0 && (
          <>
            <dt>{t("case.decidedBy", { who: "" })}</dt>
            <dd>{found.decided_by.map(visible).join(", ")}</dd>
          </>
        )}
      </dl>
      <Quote text={found.comment} />
      <p class="hint">{t("case.openedBy", { who: visible(found.opened_by), time: minute(found.opened) })}</p>
      {found.proposal && <Proposal found={found} />}
      {mayAct.value && <Acts found={found} />}
      <Export found={found} />
      <History found={found} />
    </>
  );
}

/** What a person wrote. */
export function Quote({ text }: { text: string | null }) {
  return text ? (
    <p class="quote" dir="auto">
      {prose(text)}
    </p>
  ) : null;
}

/** A proposal of one person, which another has to approve. */
function Proposal({ found }: { found: Case }) {
  const made = found.proposal;
  if (!made) return null;
  const own = samePerson(made.by, session.value?.user ?? "");
  return (
    <section class="proposal" data-testid="proposal">
      <h4>{t("case.proposal", { who: visible(made.by), verdict: w("verdict", made.verdict) })}</h4>
      {made.code && <p>{w("code", made.code)}</p>}
      <Quote text={made.comment} />
      <p class="hint">{t("case.proposed", { time: minute(made.time) })}</p>
      {own && (
        <p class="filter" data-testid="own-proposal">
          {t("case.own")}
        </p>
      )}
      {mayAct.value && !own && (
        <button type="button" class="main" disabled={caseBusy.value} onClick={() => void doTo(found, "approve")} data-testid="approve">
          {t("case.approve")}
        </button>
      )}
      {mayAct.value && (
        <Ask
          found={found}
          name="reject"
          title={t(own ? "case.takeBack" : "case.reject")}
          label={t(own ? "case.takeBackComment" : "case.rejectComment")}
          onSend={(comment) => doTo(found, "reject", { comment })}
        />
      )}
    </section>
  );
}

function Acts({ found }: { found: Case }) {
  const comment = (
    <Ask
      found={found}
      name="comment"
      title={t("case.addComment")}
      label={t("case.comment")}
      onSend={(text) => doTo(found, "comment", { text })}
    />
  );
  if (found.state === "resolved") {
    return (
      <>
        {comment}
        <Ask
          found={found}
          name="reopen"
          title={t("case.reopen")}
          label={t("case.reopenComment")}
          onSend={(text) => doTo(found, "reopen", { comment: text })}
        />
      </>
    );
  }
  return (
    <>
      <Assign found={found} />
      {found.state === "waiting" && !found.proposal && (
        <button type="button" disabled={caseBusy.value} onClick={() => void doTo(found, "resume")} data-testid="resume">
          {t("case.resume")}
        </button>
      )}
      {!found.proposal && <Resolve found={found} />}
      {comment}
      {found.state === "open" && (
        <Ask
          found={found}
          name="wait"
          title={t("case.wait")}
          label={t("case.waitReason")}
          onSend={(reason) => doTo(found, "wait", { reason })}
        />
      )}
    </>
  );
}

function Export({ found }: { found: Case }) {
  return (
    <div class="actions">
      <span>{t("case.export")}</span>
      <button type="button" onClick={() => void exportCase(found, "html")} data-testid="export-html">
        {t("case.exportHtml")}
      </button>
      <button type="button" onClick={() => void exportCase(found, "json")} data-testid="export-json">
        {t("case.exportJson")}
      </button>
    </div>
  );
}
