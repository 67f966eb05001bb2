/** Whole cents of a decimal price. */
export function toCents(price) {
  return Math.trunc(price * 100);
}

/** Decimal price of whole cents. */
export function fromCents(cents) {
  return cents / 100;
}

/** A price as it is printed: two digits, always. */
export function formatPrice(price) {
  return price.toFixed(2);
}
