import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, resultHash } from "./result-hash.ts";

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, field]) => [key, reversed(field)]),
  );
};

describe("result hash", () => {
  it("is the same whatever the order of the fields", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(resultHash("complete", reversed(value))).toBe(resultHash("complete", value));
      }),
    );
  });

  it("keeps the value: canonical text parses back to it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("differs for another result and for another route", () => {
    expect(resultHash("complete", { a: 1 })).not.toBe(resultHash("complete", { a: 2 }));
    expect(resultHash("complete", { a: 1 })).not.toBe(resultHash("fail", { a: 1 }));
  });

  it("reads a missing field and an undefined one as the same", () => {
    expect(resultHash("fail", { a: 1, b: undefined })).toBe(resultHash("fail", { a: 1 }));
  });
});
