import { fromCents, toCents } from "./money.js";

function lineCents({ price, quantity, discountPercent = 0 }) {
  if (!Number.isInteger(quantity) || quantity < 1) {
    throw new RangeError(`quantity must be a whole number above 0, not ${quantity}`);
  }
  return Math.round((toCents(price) * quantity * (100 - discountPercent)) / 100);
}

/** What one line of the cart costs. */
export function lineTotal(line) {
  return fromCents(lineCents(line));
}

/** What the whole cart costs. */
export function cartTotal(lines) {
  return fromCents(lines.reduce((cents, line) => cents + lineCents(line), 0));
}
