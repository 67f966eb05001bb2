import { createHash } from "node:crypto";
import { AppError } from "@agentvine/kit";

export interface MasterKey {
  /** Follows from the key, so it can be told without naming it. */
  readonly id: string;
  readonly key: Buffer;
}

/** The master keys of a backend. */
export interface KeyRing {
  /** What is sealed now is sealed with this one. */
  newest(): MasterKey;
  find(id: string): MasterKey | undefined;
  ids(): string[];
}

const keyBytes = 32;

const decode = (text: string): Buffer | undefined => {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === keyBytes ? bytes : undefined;
};

export const makeMasterKey = (key: Buffer): MasterKey => ({
  id: createHash("sha256").update("agentvine master key\0").update(key).digest("hex").slice(0, 16),
  key,
});

/**
 * Reads keys from a text: 32 bytes each in base64 or hexadecimal, the newest first, separated by commas, blanks or lines; lines that
 * begin with `#` are passed over.
 * @param source what to name in an error
 * @throws AppError `config.invalid`; never with a part of a key
 */
export function parseMasterKeys(text: string, source: string): MasterKey[] {
  const words = text
    .split("\n")
    .filter((line) => !line.trim().startsWith("#"))
    .flatMap((line) => line.split(/[\s,]+/))
    .filter((word) => word !== "");
  const keys = words.map((word, index) => {
    const key = decode(word);
    if (key !== undefined) return makeMasterKey(key);
    throw new AppError(
      "config.invalid",
      `${source}: key ${index + 1} of ${words.length} is not 32 bytes in base64 or hexadecimal. Make one with \`openssl rand -base64 32\`.`,
    );
  });
  if (keys.length === 0) throw new AppError("config.invalid", `${source} holds no key.`);
  return keys;
}

/** A ring over keys that may change while it is used. */
export const createKeyRing = (keys: () => readonly MasterKey[]): KeyRing => ({
  newest: () => {
    const [newest] = keys();
    if (newest === undefined) throw new Error("the key ring is empty");
    return newest;
  },
  find: (id) => keys().find((key) => key.id === id),
  ids: () => keys().map(({ id }) => id),
});
