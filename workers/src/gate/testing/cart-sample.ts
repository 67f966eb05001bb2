/** A tiny project with a bug: `total` forgets quantities. Tests run by node:test, no installation needed. */
export const cartManifest = (test = "node --test"): string =>
  `${JSON.stringify({ name: "cart", private: true, type: "module", scripts: { test } }, null, 2)}\n`;

export const brokenCart = `export function total(items) {
  let sum = 0;
  for (const item of items) {
    sum += item.price;
  }
  return sum;
}

export function isEmpty(items) {
  if (items === undefined) {
    return true;
  }
  return items.length === 0;
}
`;

export const fixedCart = brokenCart.replace("item.price;", "item.price * (item.quantity ?? 1);");

const imports = `import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isEmpty, total } from "../cart.js";
`;

export const testBlock = (name: string, body: string): string =>
  `  it("${name}", () => {\n    ${body}\n  });\n`;

export const sumTest = testBlock("adds prices", "assert.equal(total([{ price: 2 }, { price: 3 }]), 5);");
export const quantityTest = testBlock(
  "multiplies by quantity",
  "assert.equal(total([{ price: 2, quantity: 3 }]), 6);",
);
export const emptyTest = testBlock("knows an empty cart", "assert.equal(isEmpty([]), true);");

export const cartTests = (...blocks: readonly string[]): string =>
  `${imports}\ndescribe("cart", () => {\n${blocks.join("")}});\n`;

/** The base with a test that shows the bug. */
export const redBase = {
  "package.json": cartManifest(),
  "cart.js": brokenCart,
  "test/cart.test.js": cartTests(sumTest, quantityTest),
} as const;

/** The base without a test that shows it. */
export const greenBase = { ...redBase, "test/cart.test.js": cartTests(sumTest) } as const;
