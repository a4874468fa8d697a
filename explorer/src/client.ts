import type { ProblemBody } from "./api";

const KEY_SLOT = "graphml-key";

/** An answer of the service that is not what was asked for. */
export class Problem extends Error {
  readonly status: number;
  readonly hint: string | null;
  readonly retryAfter: number | null;

  constructor(status: number, body: ProblemBody, retryAfter: number | null = null) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.hint = body.hint ?? null;
    this.retryAfter = retryAfter;
  }

  /** Whether asking again later may help: the service is away, not ready or asks for patience. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }
}

/** The key in use; kept for this tab only. */
export function apiKey(): string | null {
  return sessionStorage.getItem(KEY_SLOT);
}

export function setApiKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(KEY_SLOT);
  else sessionStorage.setItem(KEY_SLOT, key);
}

/** Path of segments, each of which may hold any text. */
export function path(...segments: string[]): string {
  return segments.map(encodeURIComponent).join("/");
}

export function withQuery(base: string, query: Record<string, string | number | boolean | null | string[]>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((item) => params.append(name, item));
    else if (value !== null && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${base}?${text}` : base;
}

interface Options {
  method?: "GET" | "POST";
  body?: unknown;
  signal?: AbortSignal;
  etag?: string | null;
}

async function ask(url: string, options: Options, accept: string): Promise<Response> {
  const headers = new Headers({ Accept: accept });
  const key = apiKey();
  // A key may hold what no header may; the service then says 401 rather than the page failing here.
  if (key !== null && /^[\x21-\x7e]+$/.test(key)) headers.set("Authorization", `Bearer ${key}`);
  if (options.etag) headers.set("If-None-Match", options.etag);
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    response = await fetch(new URL(url, document.baseURI), {
      method: options.method ?? "GET",
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
      cache: "no-cache",
      redirect: "error",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, { title: "unreachable" });
  }
  if (response.ok || response.status === 304) return response;
  throw await problemOf(response);
}

async function problemOf(response: Response): Promise<Problem> {
  const wait = Number(response.headers.get("Retry-After"));
  const seconds = Number.isFinite(wait) && wait > 0 ? wait : null;
  try {
    return new Problem(response.status, (await response.json()) as ProblemBody, seconds);
  } catch {
    return new Problem(response.status, { title: response.statusText }, seconds);
  }
}

export async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(url, { signal }, "application/json");
  return (await response.json()) as T;
}

export async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await ask(url, { method: "POST", body }, "application/json");
  return (await response.json()) as T;
}

/** GET that costs nothing while nothing changed: `null` when the answer is still `etag`'s. */
export async function getIfChanged<T>(url: string, etag: string | null): Promise<{ value: T; etag: string | null } | null> {
  const response = await ask(url, { etag }, "application/json");
  if (response.status === 304) return null;
  return { value: (await response.json()) as T, etag: response.headers.get("ETag") };
}

/** A picture, which a page cannot ask for with the key by naming its address. */
export async function getBlob(url: string, signal?: AbortSignal): Promise<Blob> {
  return (await ask(url, { signal }, "image/svg+xml")).blob();
}

/** Fetch a file with the key and hand it to the browser to save. */
export async function download(url: string, name: string): Promise<void> {
  const response = await ask(url, {}, "*/*");
  const href = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
