import type { Case } from "../api";
import { minute, visible } from "../format";
import { caseBusy, caseNote, currentCase, doTo, exportCase, openCase } from "../state/cases";
import { mayAct, session, t, w } from "../state/store";
import { Ask, Resolve } from "./CaseForms";
import { Id } from "./Id";

export function CasePanel() {
  const found = currentCase.value;
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
      {found === "loading" ? <p class="hint">{t("case.loading")}</p> : found ? <Open found={found} /> : <None />}
    </div>
  );
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
      {found.comment && (
        <p class="quote" dir="auto">
          {visible(found.comment)}
        </p>
      )}
      <p class="hint">{t("case.openedBy", { who: visible(found.opened_by), time: minute(found.opened) })}</p>
      {found.proposal && <Proposal found={found} />}
      {mayAct.value && <Acts found={found} />}
      <Export found={found} />
      <History found={found} />
    </>
  );
}

/** A proposal of one person, which another has to approve. */
function Proposal({ found }: { found: Case }) {
  const made = found.proposal;
  if (!made) return null;
  const own = made.by === session.value?.user;
  return (
    <section class="proposal" data-testid="proposal">
      <h4>{t("case.proposal", { who: visible(made.by), verdict: w("verdict", made.verdict) })}</h4>
      {made.code && <p>{w("code", made.code)}</p>}
      {made.comment && (
        <p class="quote" dir="auto">
          {visible(made.comment)}
        </p>
      )}
      <p class="hint">{t("case.proposed", { time: minute(made.time) })}</p>
      {mayAct.value && (
        <>
          {own && (
            <p class="filter" id="own-proposal" data-testid="own-proposal">
              {t("case.own")}
            </p>
          )}
          <button
            type="button"
            class="main"
            disabled={own || caseBusy.value}
            aria-describedby={own ? "own-proposal" : undefined}
            onClick={() => void doTo(found, "approve")}
            data-testid="approve"
          >
            {t("case.approve")}
          </button>
          <Ask
            name="reject"
            title={t("case.reject")}
            label={t("case.rejectComment")}
            onSend={(comment) => doTo(found, "reject", { comment })}
          />
        </>
      )}
    </section>
  );
}

function Acts({ found }: { found: Case }) {
  const me = session.value?.user ?? "";
  if (found.state === "resolved") {
    return (
      <>
        <Comment found={found} />
        <Ask name="reopen" title={t("case.reopen")} label={t("case.reopenComment")} onSend={(comment) => doTo(found, "reopen", { comment })} />
      </>
    );
  }
  return (
    <>
      <div class="actions">
        {found.assignee !== me ? (
          <button type="button" disabled={caseBusy.value} onClick={() => void doTo(found, "assign", { to: me })} data-testid="assign">
            {t("case.take")}
          </button>
        ) : (
          <button type="button" disabled={caseBusy.value} onClick={() => void doTo(found, "assign", { to: null })} data-testid="release">
            {t("case.release")}
          </button>
        )}
        {found.state === "waiting" && !found.proposal && (
          <button type="button" disabled={caseBusy.value} onClick={() => void doTo(found, "resume")} data-testid="resume">
            {t("case.resume")}
          </button>
        )}
      </div>
      {!found.proposal && <Resolve found={found} />}
      <Comment found={found} />
      {found.state === "open" && (
        <Ask name="wait" title={t("case.wait")} label={t("case.waitReason")} onSend={(reason) => doTo(found, "wait", { reason })} />
      )}
    </>
  );
}

function Comment({ found }: { found: Case }) {
  return (
    <Ask name="comment" title={t("case.addComment")} label={t("case.comment")} onSend={(text) => doTo(found, "comment", { text })} />
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

function History({ found }: { found: Case }) {
  if (!found.history) return null;
  return (
    <section>
      <h4>{t("case.history")}</h4>
      <ol class="history" data-testid="history">
        {[...found.history].reverse().map((entry, index) => (
          <li key={index}>
            <span class="when">{minute(entry.time)}</span> <Id value={entry.by} /> {w("action", entry.action)}
            {entry.text && (
              <div class="quote" dir="auto">
                {visible(entry.text)}
              </div>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
