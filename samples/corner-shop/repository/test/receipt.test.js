import assert from "node:assert/strict";
import { test } from "node:test";
import { receipt } from "../src/receipt.js";

test("a receipt lists the lines and the total", () => {
  const text = receipt([
    { name: "tea", price: 3.2, quantity: 2 },
    { name: "cake", price: 2.5, quantity: 1 },
  ]);
  assert.equal(text, "2 x tea  6.40\n1 x cake  2.50\ntotal  8.90");
});
