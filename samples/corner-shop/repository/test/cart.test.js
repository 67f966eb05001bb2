import assert from "node:assert/strict";
import { test } from "node:test";
import { cartTotal, lineTotal } from "../src/cart.js";

test("a line costs price times quantity", () => {
  assert.equal(lineTotal({ name: "tea", price: 3.2, quantity: 2 }), 6.4);
});

test("a discount is taken off the line", () => {
  assert.equal(lineTotal({ name: "cake", price: 10, quantity: 1, discountPercent: 15 }), 8.5);
});

test("an empty cart costs nothing", () => {
  assert.equal(cartTotal([]), 0);
});

test("a cart is charged to the cent", () => {
  const lines = [
    { name: "coffee", price: 4.35, quantity: 1 },
    { name: "bun", price: 1.15, quantity: 1 },
  ];
  assert.equal(cartTotal(lines), 5.5);
});

test("half a bun can't be bought", () => {
  assert.throws(() => lineTotal({ name: "bun", price: 1.15, quantity: 0.5 }), RangeError);
});
