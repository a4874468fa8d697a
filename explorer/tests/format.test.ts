import { describe, expect, it } from "vitest";
import { day, decimal, iso, minute, money, prose, ruling, samePerson, shorten, visible, whole } from "../src/format";

describe("visible", () => {
  it("writes out what cannot be seen", () => {
    expect(visible("a\u0000b\nc\td\u202ee\u200bf\ufeff")).toBe("a\\x00b\\nc\\td\\u202ee\\u200bf\\ufeff");
    expect(visible("half \ud800!")).toBe("half \\ud800!");
    expect(visible("tag \u{e0041}")).toBe("tag \\u{e0041}");
  });

  it("leaves what can be seen", () => {
    for (const text of ["m-1", "<script>", "عربي", "日本", "🧑‍🤝‍🧑", 'a"b\'c&d']) expect(visible(text)).toBe(text);
  });
});

describe("prose", () => {
  it("keeps its lines, and writes out what else cannot be seen", () => {
    expect(prose("a\nb\r\n\nc")).toBe("a\nb\n\nc");
    expect(prose("a\u0000b\rc\u202ed\u2028e")).toBe("a\\x00b\\rc\\u202ed\\u2028e");
    expect(prose(null)).toBe("");
  });
});

describe("what a history says of a decision", () => {
  it("is taken apart", () => {
    expect(ruling("confirm, fraud_confirmed: one device:\nsix hands")).toEqual({
      verdict: "confirm", code: "fraud_confirmed", comment: "one device:\nsix hands",
    });
    expect(ruling("dismiss: a family, all of it")).toEqual({ verdict: "dismiss", code: null, comment: "a family, all of it" });
    expect(ruling("dismiss, family")).toEqual({ verdict: "dismiss", code: "family", comment: "" });
    expect(ruling("confirm")).toEqual({ verdict: "confirm", code: null, comment: "" });
    expect(ruling("confirmed by phone")).toBeNull();
  });
});

describe("a person", () => {
  it("is the same however the name is spelled", () => {
    expect(samePerson("Ana  Lee", " ana lee")).toBe(true);
    expect(samePerson("ana", "ben")).toBe(false);
  });
});

describe("shorten", () => {
  it("keeps the beginning and the end", () => {
    expect(shorten("abcdefghijklmnopqrstuvwxyz", 10)).toBe("abcdef…xyz");
    expect(shorten("short", 10)).toBe("short");
  });

  it("does not cut through a character", () => {
    const cut = shorten("🧑‍🤝‍🧑".repeat(30), 8);
    expect([...cut].every((char) => !/^[\ud800-\udfff]$/.test(char))).toBe(true);
    expect(cut).toContain("…");
  });

  it("copes with a very long id", () => {
    expect(shorten("x".repeat(1_000_000), 20)).toHaveLength(20);
  });
});

describe("numbers and times", () => {
  it("formats by language", () => {
    expect(whole(12345)).toBe("12,345");
    expect(decimal(0.98765, 3)).toBe("0.988");
    expect(decimal(null, 3)).toBe("–");
    expect(money(6023.16, "EUR")).toBe("6,023 EUR");
    expect(money(12.5, "EUR")).toBe("12.50 EUR");
    expect(money(12.5, null)).toBe("12.50");
    expect(money(undefined, "EUR")).toBe("–");
  });

  it("shows times in UTC", () => {
    expect(minute("2024-06-02T09:30:15.123000Z")).toBe("2024-06-02 09:30");
    expect(day("2024-06-02T09:30:15Z")).toBe("2024-06-02");
    expect(minute(null)).toBe("–");
    expect(iso(Date.parse("2024-06-02T09:30:15.900Z"))).toBe("2024-06-02T09:30:15Z");
  });
});
