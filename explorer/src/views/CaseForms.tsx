import { useState } from "preact/hooks";
import type { Case, Verdict } from "../api";
import { caseBusy, doTo } from "../state/cases";
import { session, t, w } from "../state/store";

const VERDICTS: Verdict[] = ["confirm", "dismiss"];
const LONGEST = 10_000;

interface AskProps {
  name: string;
  title: string;
  label: string;
  onSend: (text: string) => Promise<boolean>;
}

/** An act that needs words: a button opens the field, sending closes it. */
export function Ask({ name, title, label, onSend }: AskProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [missing, setMissing] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (!text.trim()) {
      setMissing(true);
      return;
    }
    if (!(await onSend(text.trim()))) return;
    setText("");
    setOpen(false);
  };
  const field = `case-${name}`;
  return (
    <form class="ask" onSubmit={send}>
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

/** The decision itself: verdict, code, reasons. */
export function Resolve({ found }: { found: Case }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [code, setCode] = useState("");
  const [comment, setComment] = useState("");
  const [missing, setMissing] = useState(false);
  const ready = verdict !== null && code !== "" && comment.trim() !== "";
  const send = async (event: Event) => {
    event.preventDefault();
    setMissing(!ready);
    if (ready) await doTo(found, "resolve", { verdict, code, comment: comment.trim() });
  };
  return (
    <form class="resolve" onSubmit={send} data-testid="resolve">
      <h4>{t("case.resolve")}</h4>
      <fieldset>
        <legend>{t("case.verdict")}</legend>
        {VERDICTS.map((value) => (
          <label key={value} class="radio">
            <input
              type="radio"
              name="verdict"
              value={value}
              checked={verdict === value}
              onChange={() => setVerdict(value)}
              data-testid={`verdict-${value}`}
            />
            {w("verdict", value)}
          </label>
        ))}
      </fieldset>
      {verdict === "confirm" && session.value?.four_eyes && (
        <p class="filter" data-testid="four-eyes">
          {t("case.fourEyes")}
        </p>
      )}
      <label for="case-code">{t("case.code")}</label>
      <select id="case-code" value={code} onChange={(event) => setCode(event.currentTarget.value)} data-testid="code">
        <option value="">{t("case.codeChoose")}</option>
        {(session.value?.case_codes ?? []).map((value) => (
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
        onInput={(event) => setComment(event.currentTarget.value)}
        data-testid="resolve-comment"
      />
      <p class="bad" role="alert">
        {missing && !ready && t("case.missing")}
      </p>
      <button type="submit" class="main" disabled={caseBusy.value} data-testid="resolve-go">
        {t("case.resolveGo")}
      </button>
    </form>
  );
}
