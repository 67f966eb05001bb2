import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storableJson, storableText } from "./storable-json.ts";

describe("storable JSON", () => {
  it("drops NUL and replaces halves of surrogate pairs, in keys too", () => {
    expect(storableJson({ "a\u0000": ["x\u0000y", "\ud800", "\udc00z", 1, null, true] })).toEqual({
      a: ["xy", "\ufffd", "\ufffdz", 1, null, true],
    });
  });

  it("keeps well-formed text as it is", () => {
    expect(storableText("grüße 😀 \u0001\n")).toBe("grüße 😀 \u0001\n");
  });

  it("leaves nothing behind that PostgreSQL refuses", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const kept = storableText(text);
        expect(kept).not.toContain("\u0000");
        expect(Buffer.from(kept, "utf8").toString("utf8")).toBe(kept);
      }),
    );
  });
});
