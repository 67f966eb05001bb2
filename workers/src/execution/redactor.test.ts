import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redactionMark } from "../redaction/secret-finder.ts";
import { createRedactor, redact } from "./redactor.ts";

const key = "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUv";
const inPieces = (text: string, cuts: readonly number[], secrets: readonly string[]): string => {
  const redactor = createRedactor(secrets);
  const borders = [0, ...[...cuts].map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  return (
    borders
      .slice(1)
      .map((border, index) => redactor.push(text.slice(borders[index], border)))
      .join("") + redactor.end()
  );
};

describe("createRedactor", () => {
  it.each([
    ["its plain form", "hunter-two/three?"],
    ["base64", Buffer.from("hunter-two/three?").toString("base64")],
    ["base64 inside of something longer", Buffer.from("user:hunter-two/three?:x").toString("base64")],
    ["base64 for addresses", Buffer.from("_hunter-two/three?").toString("base64url")],
    ["URL encoding", encodeURIComponent("hunter-two/three?")],
    ["lower case URL encoding", "hunter-two%2fthree%3f"],
  ])("takes a known secret out in %s", (_, spelling) => {
    const shown = redact(`before ${spelling} after`, ["hunter-two/three?"]);
    expect(shown).toMatch(/^before .*\[redacted\].* after$/);
    expect(shown).not.toContain(spelling);
    expect(shown).not.toContain(spelling.slice(6, -6));
  });

  it("takes a known secret out in JSON encoding", () => {
    expect(redact(JSON.stringify({ a: 'quo"te\\x' }), ['quo"te\\x'])).toBe('{"a":"[redacted]"}');
  });

  it.each([
    key,
    ...["k", "l", "t", "r", "o", "w"].map((kind) => `av${kind}_0123456789abcdef0123`),
    `avs1.0123456789abcdef.${"d4".repeat(20)}`,
    `ghp_${"a1".repeat(18)}`,
    `github_pat_${"a1".repeat(18)}`,
    `glpat-${"a1".repeat(10)}`,
    "xoxb-1234567890-abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    `AIza${"b2".repeat(18)}`,
    `npm_${"c3".repeat(18)}`,
    `eyJhbGciOiJI.eyJzdWIiOiIx.${"s".repeat(20)}`,
  ])("takes out what looks like a key: %s", (secret) => {
    expect(redact(`a ${secret} b`, [])).toBe(`a ${redactionMark} b`);
  });

  it("takes out bearers and passwords of addresses, and leaves the rest of the line", () => {
    expect(redact("authorization: Bearer abcdefghijklmnopqrstuv\n", [])).toBe(
      "authorization: Bearer [redacted]\n",
    );
    expect(redact("https://ada:pass123@host/x", [])).toBe("https://ada:[redacted]@host/x");
    expect(redact("https://host:8080/x?a=b@c", [])).toBe("https://host:8080/x?a=b@c");
  });

  it("takes out private keys whole, and goes on after them", () => {
    const block = `-----BEGIN RSA PRIVATE KEY-----\n${"MIIE+abc\n".repeat(50)}-----END RSA PRIVATE KEY-----`;
    expect(redact(`x\n${block}\ny\n${block}z`, [])).toBe(`x\n${redactionMark}\ny\n${redactionMark}z`);
    const open = `-----BEGIN PRIVATE KEY-----\n${"a".repeat(40_000)} end`;
    expect(redact(open, [])).toMatch(/^\[redacted\]/);
  });

  it("takes out both of two secrets that overlap", () => {
    expect(redact("abcd1234wxyz", ["abcd1234", "1234wxyz"])).toBe(redactionMark);
  });

  it("takes out each line of a secret of several lines", () => {
    expect(redact("got: second-line-of-it", ["first-line-of-it\nsecond-line-of-it"])).toBe(
      `got: ${redactionMark}`,
    );
  });

  it("leaves ordinary text and very short secrets alone", () => {
    const text = "sk-short task-list a-b_c -----BEGIN CERTIFICATE----- basic stuff";
    expect(redact(text, ["a", "", undefined])).toBe(text);
  });

  it("shows text at once that can't be part of a secret", () => {
    const redactor = createRedactor([key]);
    expect(redactor.push(`${"word ".repeat(100)}\n`).length).toBeGreaterThan(400);
  });

  it("keeps text without blanks flowing", () => {
    const redactor = createRedactor([]);
    let shown = 0;
    for (let chunk = 0; chunk < 100; chunk += 1) shown += redactor.push("x".repeat(1_000)).length;
    expect(shown).toBeGreaterThan(90_000);
  });

  it("shows the same however the stream is cut", () => {
    const secret = "correct horse battery";
    const word = fc.constantFrom(
      secret,
      key,
      "Bearer abcdefghijklmnopqrstuvwx",
      "https://ada:pass123@host/",
      "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
      "-----BEGIN CERTIFICATE-----",
      "plain",
      "\n",
      " ",
      "s",
      "correct horse",
      "ünï",
    );
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 12 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (words, cuts) => {
          const text = words.join(" ");
          expect(inPieces(text, cuts, [secret])).toBe(redact(text, [secret]));
        },
      ),
      { numRuns: 400 },
    );
  });

  it("never shows a known secret, wherever it stands and however the stream is cut", () => {
    const letters = fc.string({
      unit: fc.constantFrom("a", "b", "/", "+", " ", "=", "%", '"'),
      maxLength: 60,
    });
    const secretText = fc.string({
      unit: fc.constantFrom("a", "b", "/", "+", "="),
      minLength: 6,
      maxLength: 20,
    });
    fc.assert(
      fc.property(
        letters,
        secretText,
        letters,
        fc.array(fc.nat(200), { maxLength: 8 }),
        (before, secret, after, cuts) => {
          const text = before + secret + after;
          expect(inPieces(text, cuts, [secret])).not.toContain(secret);
        },
      ),
      { numRuns: 400 },
    );
  });
});
