/** The case in view: its history, and what a person does to it. */

import { computed, effect, signal, untracked } from "@preact/signals";
import type { Case } from "../api";
import { download, get, path, post, Problem, withQuery } from "../client";
import { refreshCases } from "./caselist";
import { refreshRing } from "./decided";
import { failed, placeDecided } from "./load";
import { explain, needsKey, ring, say, session, t, url } from "./store";

/** The case with its history, once it is there. */
const detail = signal<Case | null>(null);
/** Case of the address that the service does not know. */
const unknown = signal<string | null>(null);
export const caseBusy = signal(false);
/** What became of the last act, or of the case meanwhile: said in the panel and to screen readers. */
export const caseNote = signal<{ kind: "done" | "conflict" | "failed"; text: string } | null>(null);

/** That of the ring in view; in the list of cases the chosen one. */
const caseId = computed(() => (url.value.page === "cases" ? url.value.caseId : (ring.value?.case?.case_id ?? null)));
const signedIn = computed(() => session.value !== null);

effect(() => {
  const id = signedIn.value ? caseId.value : null;
  untracked(() => {
    detail.value = null;
    unknown.value = null;
    caseNote.value = null;
  });
  if (id !== null) void refreshCase();
});

/** The case to show; `loading` while it is on its way. */
export const currentCase = computed<Case | "loading" | "unknown" | null>(() => {
  const id = caseId.value;
  if (id === null) return null;
  if (unknown.value === id) return "unknown";
  return detail.value?.case_id === id ? detail.value : "loading";
});

/** Words that are being written, by case and field: they outlive the form, which others' acts may close. */
const drafts = new Map<string, string>();
effect(() => {
  if (!signedIn.value) drafts.clear();
});

export function draft(found: Case, field: string): string {
  return drafts.get(`${found.case_id} ${field}`) ?? "";
}

export function keepDraft(found: Case, field: string, text: string): void {
  const slot = `${found.case_id} ${field}`;
  if (text) drafts.set(slot, text);
  else drafts.delete(slot);
}

const STAYS = 6_000;
let leaving: ReturnType<typeof setTimeout> | undefined;

/** Say what became of something; that it was done is news for some seconds only. */
function note(kind: "done" | "conflict" | "failed", text: string): void {
  clearTimeout(leaving);
  caseNote.value = { kind, text };
  say(text);
  if (kind === "done") leaving = setTimeout(clearNote, STAYS);
}

export function clearNote(): void {
  clearTimeout(leaving);
  caseNote.value = null;
}

/** Ask for the case in view again, and say where others changed it meanwhile. */
export async function refreshCase(): Promise<void> {
  const id = caseId.value;
  if (id === null) return;
  try {
    const found = await get<Case>(path("cases", id));
    const before = detail.value;
    if (caseId.value !== id || (before && before.version > found.version)) return;
    put(found);
    if (before && before.version !== found.version && !caseBusy.value) note("conflict", t("case.changed"));
  } catch (error) {
    if (caseId.value !== id) return;
    if (error instanceof Problem && error.status === 404) unknown.value = id;
    else report(error);
  }
}

/** Show the case, and how it stands beside its ring. */
function put(found: Case): void {
  if (caseId.value === found.case_id) detail.value = found;
  const now = ring.value;
  if (now?.case?.case_id !== found.case_id) return;
  const decision = found.state === "resolved" ? found.verdict : now.decision;
  const { case_id, state, assignee } = found;
  if (now.case.state === state && now.case.assignee === assignee && now.decision === decision) return;
  placeDecided([{ ring_id: now.ring_id, decision, case: { case_id, state, assignee } }]);
}

function report(error: unknown): void {
  if (error instanceof Problem && error.status === 401) needsKey.value = "yes";
  const away = error instanceof Problem && error.status === 0;
  note("failed", away ? t("case.away") : t("case.failed", { detail: explain(error) }));
}

/** Send what a person does; what it did to case, ring and list is for the service to say. */
async function act(send: () => Promise<Case>): Promise<boolean> {
  if (caseBusy.value) return false;
  caseBusy.value = true;
  clearNote();
  try {
    const changed = await send();
    put(changed);
    if (changed.unit === "ring") await refreshRing(changed.id);
    put(changed);
    await refreshCases();
    note("done", t("case.done"));
    return true;
  } catch (error) {
    if (!(error instanceof Problem && error.status === 409 && (await changedMeanwhile()))) report(error);
    return false;
  } finally {
    caseBusy.value = false;
  }
}

/** Whether an act was refused because others were faster: the case as it stands now is then shown. */
async function changedMeanwhile(): Promise<boolean> {
  const before = detail.value;
  await refreshCase();
  const now = detail.value;
  if (!before || !now || now.version === before.version) return false;
  if (now.unit === "ring") await refreshRing(now.id).catch(failed);
  note("conflict", t("case.conflict"));
  return true;
}

export function openCase(): Promise<boolean> {
  return act(() => post<Case>("cases", { unit: "ring", id: ring.value?.ring_id }));
}

/** Do `action` to the case; every one but a comment names the version it was decided on. */
export function doTo(found: Case, action: string, body: Record<string, string | null> = {}): Promise<boolean> {
  const versioned = action === "comment" ? body : { ...body, version: found.version };
  return act(() => post<Case>(path("cases", found.case_id, action), versioned));
}

export async function exportCase(found: Case, as: "html" | "json"): Promise<void> {
  const url = withQuery(path("cases", found.case_id, "export"), { format: as });
  try {
    await download(url, `${found.case_id.replace(/[^\w.-]+/g, "_")}.${as}`);
    await refreshCase();
  } catch (error) {
    report(error);
  }
}
