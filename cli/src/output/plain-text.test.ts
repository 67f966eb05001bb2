import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oneLine, plainText } from "./plain-text.ts";

describe("plainText", () => {
  it.each([
    ["colours", "\u001b[31mred\u001b[0m", "red"],
    ["a window title", "a\u001b]0;owned\u0007b", "ab"],
    ["a clipboard write (OSC 52)", "a\u001b]52;c;ZXZpbA==\u001b\\b", "ab"],
    ["an unfinished OSC string", "a\u001b]8;;http://evil", "a"],
    ["a DCS string", "a\u001bPq#0\u001b\\b", "ab"],
    ["eight bit control codes", "a\u009b31mb", "ab"],
    ["NUL and bell", "a\u0000\u0007b", "ab"],
  ])("removes %s", (_, given, expected) => {
    expect(plainText(given)).toBe(expected);
  });

  it("keeps lines and tabs, whatever the line ends", () => {
    expect(plainText("a\r\nb\rc\td\n")).toBe("a\nb\nc\td\n");
  });

  it("never lets a control character through, whatever an agent writes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be gone
        expect(plainText(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });
});

describe("oneLine", () => {
  it("joins lines and cuts at the width with an ellipsis", () => {
    expect(oneLine("a\n  b\tc", 20)).toBe("a b c");
    expect(oneLine("abcdef", 4)).toBe("abc…");
  });
});
