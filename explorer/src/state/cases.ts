/** The case of the ring that is open: its history, and what a person does to it. */

import { computed, effect, signal } from "@preact/signals";
import type { Case, CaseBrief, Ring } from "../api";
import { download, get, path, post, Problem, withQuery } from "../client";
import { forget, replaceRing } from "./load";
import { explain, needsKey, ring, say, t } from "./store";

/** The case with its history, once it is there. */
export const caseDetail = signal<Case | null>(null);
export const caseBusy = signal(false);
/** What became of the last act: said in the panel and to screen readers. */
export const caseNote = signal<{ kind: "done" | "conflict" | "failed"; text: string } | null>(null);

const caseId = computed(() => ring.value?.case?.case_id ?? null);

effect(() => {
  const id = caseId.value;
  caseDetail.value = null;
  caseNote.value = null;
  if (id !== null) void refresh(id);
});

/** The case to show, and whether there is one that is still on its way. */
export const currentCase = computed<Case | "loading" | null>(() => {
  const id = caseId.value;
  if (id === null) return null;
  return caseDetail.value?.case_id === id ? caseDetail.value : "loading";
});

async function refresh(id: string): Promise<void> {
  try {
    const found = await get<Case>(path("cases", id));
    if (caseId.value !== id) return;
    caseDetail.value = found;
    place(found);
  } catch (error) {
    report(error);
  }
}

/** Put the case into the ring and the list; the decision is the ring's once the case is resolved. */
function place(found: Case): void {
  const now = ring.value;
  if (!now || found.id !== now.ring_id) return;
  const decision = found.state === "resolved" ? found.verdict : now.decision;
  const brief = now.case;
  if (brief && brief.assignee === found.assignee && brief.state === found.state && decision === now.decision) return;
  replaceRing({ ...now, case: briefOf(found), decision });
}

function briefOf({ case_id, state, assignee }: Case): CaseBrief {
  return { case_id, state, assignee };
}

function report(error: unknown): void {
  if (error instanceof Problem && error.status === 401) needsKey.value = "yes";
  const away = error instanceof Problem && error.status === 0;
  caseNote.value = { kind: "failed", text: away ? t("case.away") : t("case.failed", { detail: explain(error) }) };
  say(caseNote.value.text);
}

async function act(send: () => Promise<Case>): Promise<boolean> {
  if (caseBusy.value) return false;
  const of = ring.value;
  if (!of) return false;
  caseBusy.value = true;
  caseNote.value = null;
  try {
    const changed = await send();
    await settle(of, changed.case_id);
    caseNote.value = { kind: "done", text: t("case.done") };
    say(caseNote.value.text);
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 409) await conflict(of);
    else report(error);
    return false;
  } finally {
    caseBusy.value = false;
  }
}

/** Read the ring and its case anew: what the act did to them is for the service to say. */
async function settle(of: Ring, id: string): Promise<void> {
  forget(of.ring_id);
  const [fresh, found] = await Promise.all([get<Ring>(path("rings", of.ring_id)), get<Case>(path("cases", id))]);
  replaceRing({ ...fresh, graph: of.graph, case: briefOf(found) });
  if (ring.value?.ring_id === of.ring_id) caseDetail.value = found;
}

async function conflict(of: Ring): Promise<void> {
  try {
    forget(of.ring_id);
    const fresh = await get<Ring>(path("rings", of.ring_id));
    replaceRing({ ...fresh, graph: of.graph });
    if (fresh.case) await refresh(fresh.case.case_id);
  } catch (error) {
    report(error);
    return;
  }
  caseNote.value = { kind: "conflict", text: t("case.conflict") };
  say(caseNote.value.text);
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
    await refresh(found.case_id);
  } catch (error) {
    report(error);
  }
}
