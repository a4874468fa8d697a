import { useState } from "preact/hooks";
import type { Case, Verdict } from "../api";
import { caseBusy, clearNote, doTo, draft, keepDraft } from "../state/cases";
import { session, t, w } from "../state/store";

const VERDICTS: Verdict[] = ["confirm", "dismiss"];
const LONGEST = 10_000;
const LONGEST_NAME = 1_000;

/** Words of a field, which are there again when the form is. */
function useDraft(found: Case, field: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => draft(found, field));
  return [
    text,
    (next) => {
      keepDraft(found, field, next);
      setText(next);
    },
  ];
}

interface AskProps {
  found: Case;
  name: string;
  title: string;
  label: string;
  onSend: (text: string) => Promise<boolean>;
}

/** An act that needs words: a button opens the field, sending closes it. */
export function Ask({ found, name, title, label, onSend }: AskProps) {
  const [text, setText] = useDraft(found, name);
  const [open, setOpen] = useState(text !== "");
  const [missing, setMissing] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    setMissing(!text.trim());
    if (!text.trim()) return clearNote();
    if (!(await onSend(text.trim()))) return;
    setText("");
    setOpen(false);
  };
  const field = `case-${name}`;
  return (
    <form class="ask" onSubmit={send} noValidate>
      <button type="button" aria-expanded={open} aria-controls={field} onClick={() => setOpen(!open)} data-testid={`${name}-toggle`}>
        {title}
      </button>
      {open && (
        <div id={field}>
          <label for={`${field}-text`}>{label}</label>
          <textarea
            id={`${field}-text`}
            rows={3}
            maxLength={LONGEST}
            required
            value={text}
            aria-invalid={missing && !text.trim()}
            aria-describedby={`${field}-bad`}
            onInput={(event) => setText(event.currentTarget.value)}
            data-testid={`${name}-text`}
          />
          <p id={`${field}-bad`} class="bad" role="alert">
            {missing && !text.trim() && t("case.missing")}
          </p>
          <button type="submit" class="main" disabled={caseBusy.value} data-testid={`${name}-go`}>
            {title}
          </button>
        </div>
      )}
    </form>
  );
}

/** The decision itself: the verdict, and a code or words for it. */
export function Resolve({ found }: { found: Case }) {
  const [verdict, setVerdict] = useDraft(found, "verdict");
  const [code, setCode] = useDraft(found, "code");
  const [comment, setComment] = useDraft(found, "resolve");
  const [sent, setSent] = useState(false);
  const lacksVerdict = verdict === "";
  const lacksReason = code === "" && comment.trim() === "";
  const fitting = session.value?.case_codes;
  const codes = (verdict !== "" && fitting?.[verdict as Verdict]) || [];
  const choose = (next: Verdict) => {
    setVerdict(next);
    if (!fitting?.[next].includes(code)) setCode("");
  };
  const send = async (event: Event) => {
    event.preventDefault();
    setSent(true);
    if (lacksVerdict || lacksReason) {
      clearNote();
      document.getElementById(lacksVerdict ? `verdict-${VERDICTS[0]}` : "case-code")?.focus();
    } else if (await doTo(found, "resolve", { verdict, code: code || null, comment: comment.trim() || null })) {
      [setVerdict, setCode, setComment].forEach((set) => set(""));
      setSent(false);
    }
  };
  return (
    <form class="resolve" onSubmit={send} noValidate data-testid="resolve">
      <h4>{t("case.resolve")}</h4>
      <fieldset role="radiogroup" aria-required="true" aria-invalid={sent && lacksVerdict} aria-describedby="verdict-bad">
        <legend>{t("case.verdict")}</legend>
        {VERDICTS.map((value) => (
          <label key={value} class="radio">
            <input
              type="radio"
              id={`verdict-${value}`}
              name="verdict"
              value={value}
              checked={verdict === value}
              onChange={() => choose(value)}
              data-testid={`verdict-${value}`}
            />
            {w("verdict", value)}
          </label>
        ))}
      </fieldset>
      <p id="verdict-bad" class="bad" role="alert" data-testid="verdict-bad">
        {sent && lacksVerdict && t("case.lacksVerdict")}
      </p>
      {verdict === "confirm" && session.value?.four_eyes && (
        <p class="filter" data-testid="four-eyes">
          {t("case.fourEyes")}
        </p>
      )}
      <label for="case-code">{t("case.code")}</label>
      <select
        id="case-code"
        value={code}
        aria-invalid={sent && lacksReason}
        aria-describedby="reason-bad"
        onChange={(event) => setCode(event.currentTarget.value)}
        data-testid="code"
      >
        <option value="">{t(lacksVerdict ? "case.codeFirst" : "case.codeChoose")}</option>
        {codes.map((value) => (
          <option key={value} value={value}>
            {w("code", value)}
          </option>
        ))}
      </select>
      <label for="case-comment">{t("case.resolveComment")}</label>
      <textarea
        id="case-comment"
        rows={3}
        maxLength={LONGEST}
        value={comment}
        aria-invalid={sent && lacksReason}
        aria-describedby="reason-bad"
        onInput={(event) => setComment(event.currentTarget.value)}
        data-testid="resolve-comment"
      />
      <p id="reason-bad" class="bad" role="alert" data-testid="reason-bad">
        {sent && lacksReason && t("case.lacksReason")}
      </p>
      <button type="submit" class="main" disabled={caseBusy.value} data-testid="resolve-go">
        {t("case.resolveGo")}
      </button>
    </form>
  );
}

/** Who is to look at the case: a name, oneself or nobody. */
export function Assign({ found }: { found: Case }) {
  const [name, setName] = useDraft(found, "assign");
  const [missing, setMissing] = useState(false);
  const me = session.value?.user ?? "";
  const bad = missing && !name.trim();
  const give = (to: string | null) => doTo(found, "assign", { to });
  const send = async (event: Event) => {
    event.preventDefault();
    setMissing(!name.trim());
    if (!name.trim()) clearNote();
    else if (await give(name.trim())) setName("");
  };
  return (
    <form class="assign" onSubmit={send} noValidate>
      <label for="assign-to">{t("case.assignTo")}</label>
      <div class="actions">
        <input
          id="assign-to"
          autocomplete="off"
          maxLength={LONGEST_NAME}
          value={name}
          aria-invalid={bad}
          aria-describedby="assign-bad"
          onInput={(event) => setName(event.currentTarget.value)}
          data-testid="assign-to"
        />
        <button type="submit" disabled={caseBusy.value} data-testid="assign-go">
          {t("case.assign")}
        </button>
        {found.assignee !== me && (
          <button type="button" disabled={caseBusy.value} onClick={() => void give(me)} data-testid="assign">
            {t("case.take")}
          </button>
        )}
        {found.assignee !== null && (
          <button type="button" disabled={caseBusy.value} onClick={() => void give(null)} data-testid="release">
            {t("case.release")}
          </button>
        )}
      </div>
      <p id="assign-bad" class="bad" role="alert">
        {bad && t("case.lacksName")}
      </p>
    </form>
  );
}
