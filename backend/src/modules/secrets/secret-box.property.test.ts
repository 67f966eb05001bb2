import { randomBytes } from "node:crypto";
import { isAppError } from "@agentvine/kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createKeyRing, type MasterKey, makeMasterKey, parseMasterKeys } from "./key-ring.ts";
import { createSecretBox, isSealed, keyIdOf } from "./secret-box.ts";

const keyBytes = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => makeMasterKey(Buffer.from(bytes)));
const boxOf = (...keys: MasterKey[]) => createSecretBox(createKeyRing(() => keys));
const text = fc.string({ unit: "binary", maxLength: 300 }).filter((value) => value.isWellFormed());
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
  return "nothing was refused";
};

describe("a sealed value", () => {
  test("opens in its place to what it was, and shows nothing of it", () => {
    fc.assert(
      fc.property(keyBytes, text, text, (key, value, place) => {
        const box = boxOf(key);
        const sealed = box.seal(value, place);
        expect(isSealed(sealed)).toBe(true);
        expect(keyIdOf(sealed)).toBe(key.id);
        if (value.length > 6) expect(sealed).not.toContain(value);
        expect(box.seal(value, place)).not.toBe(sealed);
        expect(box.open(sealed, place)).toBe(value);
      }),
    );
  });

  test("is refused in any other place", () => {
    fc.assert(
      fc.property(keyBytes, text, text, text, (key, value, place, other) => {
        fc.pre(place !== other);
        const box = boxOf(key);
        const sealed = box.seal(value, place);
        expect(codeOf(() => box.open(sealed, other))).toBe("secret.damaged");
      }),
    );
  });

  test("is refused when any of its characters is another one", () => {
    fc.assert(
      fc.property(
        keyBytes,
        text,
        text,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        (key, value, place, at, char) => {
          const box = boxOf(key);
          const sealed = box.seal(value, place);
          const index = at % sealed.length;
          const changed = `${sealed.slice(0, index)}${char}${sealed.slice(index + 1)}`;
          fc.pre(changed !== sealed);
          expect(codeOf(() => box.open(changed, place))).toMatch(/^secret\.(damaged|key_unknown)$/);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("is refused when any of its bytes is another one, and when one is missing or added", () => {
    const box = boxOf(makeMasterKey(randomBytes(32)));
    const [marker, id, payload = ""] = box.seal("a value", "here").split(".");
    const bytes = Buffer.from(payload, "base64url");
    const refused = (changed: Buffer) =>
      codeOf(() => box.open([marker, id, changed.toString("base64url")].join("."), "here"));
    for (let at = 0; at < bytes.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(refused(changed)).toBe("secret.damaged");
      }
    }
    expect(refused(bytes.subarray(1))).toBe("secret.damaged");
    expect(refused(bytes.subarray(0, -1))).toBe("secret.damaged");
    expect(refused(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe("secret.damaged");
  });

  test("tells the id of a key that is not there, and nothing else opens it", () => {
    fc.assert(
      fc.property(keyBytes, keyBytes, text, (key, other, value) => {
        fc.pre(key.id !== other.id);
        const sealed = boxOf(key).seal(value, "here");
        expect(() => boxOf(other).open(sealed, "here")).toThrow(key.id);
        expect(codeOf(() => boxOf(other).open(sealed, "here"))).toBe("secret.key_unknown");
        const forged = sealed.replace(key.id, other.id);
        expect(codeOf(() => boxOf(other, key).open(forged, "here"))).toBe("secret.damaged");
      }),
    );
  });

  test("is sealed anew with the newest key, once", () => {
    fc.assert(
      fc.property(keyBytes, keyBytes, text, (older, newer, value) => {
        fc.pre(older.id !== newer.id);
        const box = boxOf(newer, older);
        const before = boxOf(older).seal(value, "here");
        const after = box.reseal(before, "here") ?? "";
        expect(keyIdOf(after)).toBe(newer.id);
        expect(boxOf(newer).open(after, "here")).toBe(value);
        expect(box.reseal(after, "here")).toBeUndefined();
      }),
    );
  });
});

describe("master keys", () => {
  const key = randomBytes(32);
  test.each([
    key.toString("base64"),
    key.toString("base64url"),
    key.toString("hex"),
    key.toString("hex").toUpperCase(),
    `# the key of this year\n${key.toString("base64")}\n`,
  ])("are read in every usual spelling", (given) => {
    expect(parseMasterKeys(given, "x")).toEqual([makeMasterKey(key)]);
  });

  test("come newest first, by line, blank or comma", () => {
    const other = randomBytes(32);
    const ids = [makeMasterKey(key).id, makeMasterKey(other).id];
    for (const between of ["\n", ",", " ", ", ", "\r\n"]) {
      const given = `${key.toString("base64")}${between}${other.toString("hex")}`;
      expect(parseMasterKeys(given, "x").map(({ id }) => id)).toEqual(ids);
    }
  });

  test.each([
    "",
    "# nothing",
    "short",
    `${key.toString("base64")} ${key.toString("hex").slice(1)}`,
    "ü".repeat(43),
  ])("that are none are refused without being shown: %j", (given) => {
    expect(codeOf(() => parseMasterKeys(given, "AGENTVINE_MASTER_KEY"))).toBe("config.invalid");
    if (given.length > 4) expect(() => parseMasterKeys(given, "x")).not.toThrow(given);
  });
});
