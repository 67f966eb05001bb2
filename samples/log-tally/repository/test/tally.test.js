import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTally, tally } from "../src/tally.js";

test("lines are counted by level", () => {
  const counts = tally("10:00 INFO a\n10:01 ERROR b\n10:02 INFO c\n");
  assert.deepEqual(counts, { error: 1, warn: 0, info: 2, debug: 0, other: 0 });
});

test("a line without a level is counted as other", () => {
  assert.equal(tally("    at charge (payment.js:14)").other, 1);
});

test("levels without lines are not shown", () => {
  assert.equal(formatTally({ error: 0, warn: 0, info: 12, debug: 0, other: 1 }), "info  12\nother 1");
});
