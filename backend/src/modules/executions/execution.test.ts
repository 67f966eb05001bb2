import { describe, expect, it } from "vitest";
import { fitLines, fullLogMarker, levelsFrom, parseLogLines } from "./execution.ts";

const aLine = (message: string, more: Record<string, unknown> = {}) =>
  `${JSON.stringify({ at: "2026-01-01T00:00:00.000Z", level: "info", source: "agent", message, ...more })}\n`;

const messagesOf = (text: string) => parseLogLines(text).map(({ line }) => line.message);
const refusalOf = (text: string) => {
  try {
    parseLogLines(text);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("the lines of a log chunk", () => {
  it("are whole lines of JSON, measured in bytes as they were sent", () => {
    const parsed = parseLogLines(aLine("one") + aLine("zwölf 😀"));
    expect(parsed.map(({ line }) => line.message)).toEqual(["one", "zwölf 😀"]);
    expect(parsed.map(({ bytes }) => bytes)).toEqual(
      [aLine("one"), aLine("zwölf 😀")].map((text) => Buffer.byteLength(text)),
    );
    expect(parsed[0]?.line.stream).toBe("stdout");
    expect(parseLogLines("")).toEqual([]);
  });

  it("lose what PostgreSQL can't keep: NUL and halves of characters, also in the metadata", () => {
    const [parsed] = parseLogLines(aLine("a\u0000b\ud800c", { metadata: { "k\u0000": ["v\u0000\udc00"] } }));
    expect(parsed?.line).toMatchObject({ message: "ab\ufffdc", metadata: { k: ["v\ufffd"] } });
  });

  it("keep the escape sequences of terminals as they are", () => {
    expect(messagesOf(aLine("\u001b[31mred\u001b[0m\r"))).toEqual(["\u001b[31mred\u001b[0m\r"]);
  });

  it("may hold 16 KiB of text, and not a character more", () => {
    expect(messagesOf(aLine("x".repeat(16_384)))[0]).toHaveLength(16_384);
    expect(refusalOf(aLine("one") + aLine("x".repeat(16_385)))).toMatchObject({
      code: "request.invalid",
      issues: [{ path: "text.2" }],
    });
  });

  it.each([
    ["a line without an end", aLine("one") + aLine("two").trimEnd(), "text.2"],
    ["what is no JSON", `${aLine("one")}no json\n`, "text.2"],
    ["an empty line", `${aLine("one")}\n`, "text.2"],
    ["a list", "[]\n", "text.1"],
    ["an unknown level", aLine("one", { level: "loud" }), "text.1"],
    ["a moment that is none", aLine("one", { at: "yesterday" }), "text.1"],
    [
      "metadata that is nested too deeply",
      aLine("one", { metadata: JSON.parse(`${'{"a":'.repeat(30)}1${"}".repeat(30)}`) }),
      "text.1",
    ],
  ])("are refused by their number: %s", (_, text, path) => {
    expect(refusalOf(text)).toMatchObject({ code: "request.invalid", issues: [{ path }] });
  });
});

describe("the cap of a log", () => {
  const measured = parseLogLines(aLine("one") + aLine("two") + aLine("three"));
  const sizes = measured.map(({ bytes }) => bytes);
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);

  it("lets a log through that ends exactly at it", () => {
    expect(fitLines(100, measured, 100 + total)).toMatchObject({ logBytes: 100 + total, isFull: false });
  });

  it("keeps the lines that fit and cuts before the first that does not", () => {
    const { lines, logBytes, isFull } = fitLines(100, measured, 100 + total - 1);
    expect(lines.map((line) => line.message)).toEqual(["one", "two"]);
    expect([logBytes, isFull]).toEqual([100 + (sizes[0] ?? 0) + (sizes[1] ?? 0), true]);
  });

  it("keeps nothing of a chunk when there is no room at all", () => {
    expect(fitLines(50, measured, 50)).toEqual({ lines: [], logBytes: 50, isFull: true });
  });

  it("is told in the log itself", () => {
    expect(fullLogMarker(new Date(0))).toMatchObject({
      level: "warn",
      message: expect.stringContaining("16 MiB"),
    });
  });
});

describe("levels", () => {
  it("are those at and above one", () => {
    expect(levelsFrom("warn")).toEqual(["warn", "error"]);
    expect(levelsFrom("debug")).toContain("info");
  });
});
