import { en, type Key } from "./en";
import { zh } from "./zh";
import type { Lang } from "../state/url";
import { visible } from "../format";

export type { Key } from "./en";

export const TEXTS: Record<Lang, Record<Key, string>> = { en, zh };

/** Text of `key`; `{name}` is replaced by `values[name]`. */
export function translate(lang: Lang, key: Key, values: Record<string, string | number> = {}): string {
  return TEXTS[lang][key].replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** Word for a value of the service, as `kind` `device_farm`; one it does not know stays as it is. */
export function word(lang: Lang, group: string, value: string): string {
  const key = `${group}.${value}`;
  return Object.hasOwn(TEXTS[lang], key) ? TEXTS[lang][key as Key] : visible(value.replaceAll("_", " "));
}

/** Language to begin with: what the browser asks for. */
export function preferred(languages: readonly string[]): Lang {
  for (const language of languages) {
    if (/^zh\b/i.test(language)) return "zh";
    if (/^en\b/i.test(language)) return "en";
  }
  return "en";
}
