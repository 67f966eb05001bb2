import { createHash } from "node:crypto";
import { storableJson } from "../../storable-json.ts";

/** What stands in place of a secret. */
export const redacted = "[redacted]";

/** Facts that are longer are replaced by their size and hash. */
export const factsBytesMax = 256 * 1_024;

const secretWords = new Set([
  ...[
    "password",
    "passwords",
    "passphrase",
    "passwd",
    "secret",
    "secrets",
    "token",
    "tokens",
    "cookie",
    "cookies",
  ],
  ...[
    "credential",
    "credentials",
    "authorization",
    "signature",
    "salt",
    "hash",
    "hashes",
    "otp",
    "jwt",
    "bearer",
  ],
]);
/** Names of two words that only together name a secret. */
const secretPairs = /(api|private|access|secret|signing|encryption|master|ssh|session|worker)[_\-. ]?keys?$/i;
/** Values that are secrets under whatever name: our own tokens, those of forges, private keys, and passwords in addresses. */
const secretValues = new RegExp(
  [
    String.raw`\bav[a-z]_[\w.-]{16,}`,
    String.raw`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}`,
    String.raw`-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)`,
    String.raw`\beyJ[\w-]{10,4096}\.[\w-]{10,}\.[\w-]*`,
  ].join("|"),
  "g",
);
const passwordInAddress = /(?<=:\/\/)[^\s/@]{1,1000}@/g;

/** `keyHash`, `key_hash` and `key-hash` hold the same words. */
const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/);

/** True for the name of a field whose value must not be written down. */
export const isSecretName = (name: string): boolean =>
  secretPairs.test(name) || wordsOf(name).some((word) => secretWords.has(word));

const withoutSecrets = (text: string): string =>
  text.replace(secretValues, redacted).replace(passwordInAddress, `${redacted}@`);

/** Flags and "nothing" tell no secret; numbers only where they count something, as in `maxTokens`. */
const isHarmless = (name: string, value: unknown): boolean =>
  value === null ||
  value === undefined ||
  typeof value === "boolean" ||
  (typeof value === "number" && /tokens|(max|min|count)$/i.test(name));

function redact(value: unknown, level: number): unknown {
  if (typeof value === "string") return withoutSecrets(value);
  if (typeof value !== "object" || value === null) return value;
  // Whatever is nested deeper than anything of ours is told as text, secrets out.
  if (level > 32) return redacted;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redact(item, level + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [
        name,
        isSecretName(name) && !isHarmless(name, field) ? redacted : redact(field, level + 1),
      ]),
  );
}

/** Facts as they may be written down: without secrets, storable, and of bounded size. Null for none. */
export function auditFacts(facts: object | null | undefined): Record<string, unknown> | null {
  if (facts === null || facts === undefined) return null;
  const clean = storableJson(redact(facts, 0)) as Record<string, unknown>;
  const text = JSON.stringify(clean);
  if (Buffer.byteLength(text) <= factsBytesMax) return clean;
  return {
    isTooLong: true,
    bytes: Buffer.byteLength(text),
    digest: createHash("sha256").update(text).digest("hex"),
  };
}

/** Only what differs between two states, on both sides; what stands still need not be told. */
export function changeOf(
  before: object,
  after: object,
): { before: Record<string, unknown>; after: Record<string, unknown> } {
  const [old, changed] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const names = [...new Set([...Object.keys(old), ...Object.keys(changed)])].filter(
    (name) => JSON.stringify(old[name]) !== JSON.stringify(changed[name]),
  );
  const only = (state: Record<string, unknown>) =>
    Object.fromEntries(names.map((name) => [name, state[name] ?? null]));
  return { before: only(old), after: only(changed) };
}
