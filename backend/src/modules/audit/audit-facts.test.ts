import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { auditFacts, changeOf, factsBytesMax, isSecretName, redacted } from "./audit-facts.ts";

describe("secrets never get into the audit log", () => {
  test.each([
    ...[
      "password",
      "newPassword",
      "password_hash",
      "passwordHash",
      "smtpPassword",
      "secret",
      "signingSecret",
    ],
    ...["token", "accessToken", "refresh_token", "refreshTokens", "apiKey", "api-key", "API_KEY", "keyHash"],
    ...[
      "privateKey",
      "sshKey",
      "credential",
      "credentials",
      "Authorization",
      "cookie",
      "passphrase",
      "masterKey",
    ],
  ])("a field called %s is named, its value is not", (name) => {
    expect(isSecretName(name)).toBe(true);
    const value = { [name]: "hunter2-hunter2" };
    expect(auditFacts(value)).toEqual({ [name]: redacted });
    expect(JSON.stringify(auditFacts({ deep: [{ in: value }] }))).not.toContain("hunter2");
    expect(JSON.stringify(auditFacts({ [name]: { nested: ["hunter2"] } }))).not.toContain("hunter2");
  });

  test.each(["name", "prefix", "permissions", "monkey", "keyboard", "defaultBranch", "author", "hasher"])(
    "a field called %s keeps its value",
    (name) => {
      expect(auditFacts({ [name]: "plain" })).toEqual({ [name]: "plain" });
    },
  );

  test("counts, flags and nothing stay under such names, other numbers do not", () => {
    const facts = { maxTokens: 5, hasPassword: true, token: null, password: 123_456 };
    expect(auditFacts(facts)).toEqual({ maxTokens: 5, hasPassword: true, token: null, password: redacted });
  });

  test.each([
    [`avk_${"x".repeat(43)}`],
    [`avl_${"x".repeat(43)}`],
    [`avt_0190b8a0-0000-7000-8000-000000000000.1.${"x".repeat(43)}`],
    [`ghp_${"a".repeat(36)}`],
    [`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${"s".repeat(20)}`],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza\n-----END OPENSSH PRIVATE KEY-----"],
  ])("a value that is a secret by its form is taken out under any name: %s", (secret) => {
    expect(auditFacts({ note: `before ${secret} behind` })?.note).not.toContain(secret.slice(-12));
    expect(auditFacts({ note: `before ${secret} behind` })?.note).toMatch(/^before \[redacted\]/);
  });

  test("the password of an address is taken out, the address stays", () => {
    const url = "https://someone:hunter2@example.com/a/b.git";
    expect(auditFacts({ url })).toEqual({ url: `https://${redacted}@example.com/a/b.git` });
  });

  test("whatever is given can be stored, is bounded, and holds no value of a secret field", () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 4, key: fc.constantFrom("a", "token", "b\u0000") }), (value) => {
        const text = JSON.stringify(auditFacts({ ...value, password: "hunter2hunter2" }));
        expect(text).not.toContain("hunter2");
        expect(text).not.toContain("\\u0000");
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(factsBytesMax);
      }),
      { seed: 1 },
    );
  });
});

test("facts that are too long are told by their size and hash", () => {
  const facts = auditFacts({ yaml: "x".repeat(factsBytesMax) });
  expect(facts).toMatchObject({ isTooLong: true, bytes: factsBytesMax + 11 });
  expect(facts?.digest).toMatch(/^[0-9a-f]{64}$/);
});

test("a change tells what differs, on both sides, and nothing else", () => {
  expect(changeOf({ a: 1, b: { c: [1] }, d: 2 }, { a: 1, b: { c: [2] }, e: 3 })).toEqual({
    before: { b: { c: [1] }, d: 2, e: null },
    after: { b: { c: [2] }, d: null, e: 3 },
  });
});
