import { cartTotal, lineTotal } from "./cart.js";
import { formatPrice } from "./money.js";

/** The receipt as lines of text. */
export function receipt(lines) {
  const rows = lines.map((line) => `${line.quantity} x ${line.name}  ${formatPrice(lineTotal(line))}`);
  return [...rows, `total  ${formatPrice(cartTotal(lines))}`].join("\n");
}
