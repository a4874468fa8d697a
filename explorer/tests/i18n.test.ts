import { describe, expect, it } from "vitest";
import { preferred, TEXTS, translate, word } from "../src/i18n";

const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe("texts", () => {
  it("are there in both languages, with the same values in them", () => {
    expect(Object.keys(TEXTS.zh).sort()).toEqual(Object.keys(TEXTS.en).sort());
    for (const [key, text] of Object.entries(TEXTS.en)) {
      const other = TEXTS.zh[key as keyof typeof TEXTS.zh];
      expect(holes(other), key).toEqual(holes(text));
      expect(other.trim(), key).not.toBe("");
    }
  });

  it("are all used", () => {
    const files = import.meta.glob<string>(["../src/**/*.ts", "../src/**/*.tsx", "!../src/i18n/**"], { query: "?raw", import: "default", eager: true });
    const code = Object.values(files).join("\n");
    const made = ["theme", "col", "tab", "panel", "kind", "status", "state", "verdict", "decided", "role", "user", "unit", "type", "event", "score", "code", "action"];
    const unused = Object.keys(TEXTS.en).filter((key) => !made.includes(key.split(".")[0]) && !code.includes(`"${key}"`));
    expect(unused).toEqual([]);
  });

  it("take values", () => {
    expect(translate("en", "ring.flagged", { n: 3 })).toBe("3 flagged");
    expect(translate("en", "ring.flagged")).toBe("{n} flagged");
  });

  it("leave unknown words as they are", () => {
    expect(word("zh", "kind", "takeover")).toBe("账户盗用");
    expect(word("zh", "kind", "new_kind")).toBe("new kind");
    expect(word("en", "kind", "\u202ex")).toBe("\\u202ex");
  });

  it("begin in the language of the browser", () => {
    expect(preferred(["de-DE", "zh-CN", "en"])).toBe("zh");
    expect(preferred(["fr"])).toBe("en");
  });
});
