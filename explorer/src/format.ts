/** Text of values; pure. */

// Controls, marks that turn the direction of text, what has no width, tags, halves of characters.
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;

/** An id with what cannot be seen written out, so that two ids that differ look different. */
export function visible(text: string | null | undefined): string {
  return (text ?? "").replace(UNSEEN, (found) => {
    if (found === "\n") return "\\n";
    if (found === "\t") return "\\t";
    if (found === "\r") return "\\r";
    const code = found.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${hex(code, 2)}` : code < 65536 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
  });
}

/** What people wrote: its lines stay lines, all else that cannot be seen is written out. */
export function prose(text: string | null | undefined): string {
  return (text ?? "").replace(/\r\n/g, "\n").split("\n").map(visible).join("\n");
}

/** Verdict, code and comment of a history's text, as `confirm, fraud_confirmed: one device in six hands`. */
export function ruling(text: string): { verdict: string; code: string | null; comment: string } | null {
  const parts = /^(confirm|dismiss)(?:, (\w+))?(?:: ([^]*))?$/.exec(text);
  return parts && { verdict: parts[1], code: parts[2] ?? null, comment: parts[3] ?? "" };
}

/** Whether two names are one person's, however they are spelled; the service asks the same. */
export function samePerson(one: string, other: string): boolean {
  const folded = (name: string): string => name.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
  return folded(one) === folded(other);
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}

const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;

function characters(text: string): string[] {
  return segmenter ? Array.from(segmenter.segment(text), (part) => part.segment) : Array.from(text);
}

/** At most `most` characters of an id: its beginning and its end, which tell ids apart. */
export function shorten(text: string, most: number): string {
  const seen = visible(text);
  if (seen.length <= most) return seen;
  const parts = characters(seen.length > 4000 ? seen.slice(0, 2000) + seen.slice(-2000) : seen);
  if (parts.length <= most) return seen;
  const tail = Math.floor((most - 1) / 3);
  return `${parts.slice(0, most - 1 - tail).join("")}…${parts.slice(parts.length - tail).join("")}`;
}

const numbers = new Map<string, Intl.NumberFormat>();

function formatter(lang: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const slot = `${lang}${options.minimumFractionDigits}-${options.maximumFractionDigits}`;
  let found = numbers.get(slot);
  if (!found) numbers.set(slot, (found = new Intl.NumberFormat(lang, options)));
  return found;
}

export function whole(value: number, lang = "en"): string {
  return formatter(lang, { minimumFractionDigits: 0, maximumFractionDigits: 0 }).format(value);
}

export function decimal(value: number | null | undefined, digits: number, lang = "en"): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return formatter(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** An amount with its currency's code; without one only the number, for nothing says what it is. */
export function money(value: number | null | undefined, currency: string | null | undefined, lang = "en"): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const digits = Math.abs(value) >= 1000 ? 0 : 2;
  const text = decimal(value, digits, lang);
  return currency ? `${text} ${visible(currency)}` : text;
}

/** Date of an ISO time, in UTC: `2024-06-02`. */
export function day(time: string | null | undefined): string {
  return time ? time.slice(0, 10) : "–";
}

/** Date and minute of an ISO time, in UTC: `2024-06-02 09:30`. */
export function minute(time: string | null | undefined): string {
  return time ? time.slice(0, 16).replace("T", " ") : "–";
}

/** Milliseconds since 1970 of an ISO time. */
export function at(time: string): number {
  return Date.parse(time);
}

/** ISO time to the second, as it stands in the address. */
export function iso(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19) + "Z";
}
