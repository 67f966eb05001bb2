import { propertyRuns } from "@agentvine/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createBoundedLines } from "./bounded-lines.ts";

const bytesMax = 12;
const lineArbitrary = fc
  .string({ maxLength: 20, unit: "grapheme" })
  .map((text) => text.replaceAll("\n", " "));

test("wherever the stream is cut, short lines come out whole and in order, and each long one is told once", () => {
  fc.assert(
    fc.property(fc.array(lineArbitrary), fc.array(fc.nat(9), { minLength: 1 }), (lines, sizes) => {
      const heard: string[] = [];
      const push = createBoundedLines({
        bytesMax,
        onLine: (line) => heard.push(line),
        onTooLong: () => heard.push("<too long>"),
      });
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = (sizes[turn % sizes.length] ?? 0) + 1;
        push(bytes.subarray(at, at + size));
        at += size;
      }
      const expected = lines
        .map((line) => (Buffer.byteLength(line) > bytesMax ? "<too long>" : line.trim()))
        .filter((line) => line !== "");
      expect(heard).toEqual(expected);
    }),
    propertyRuns(200),
  );
});
