import { createHash, randomBytes } from "node:crypto";

const marker = "avk_";
const prefixLength = 12;

/** True for text that has the form of an API key. */
export const isApiKey = (text: string): boolean => text.startsWith(marker);

/** What is kept of a key: enough to check it, not enough to use it. */
export const hashApiKey = (key: string): string => createHash("sha256").update(key).digest("hex");

/** A new key with 256 random bits, and what is kept of it. */
export function makeApiKey(): { key: string; prefix: string; keyHash: string } {
  const key = `${marker}${randomBytes(32).toString("base64url")}`;
  return { key, prefix: key.slice(0, prefixLength), keyHash: hashApiKey(key) };
}
