/** Of letters and digits alone, so that line ends, markdown and typographic marks don't matter. */
const words = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

/**
 * True when these words stand in the text, in this order and next to each other. A quote may leave something out where it says so by dots.
 * An empty quote claims nothing.
 */
export function isQuoteOf(quote: string, text: string): boolean {
  const whole = ` ${words(text)} `;
  let from = 0;
  for (const part of quote.split(/\.{3,}|…/).map(words)) {
    if (part === "") continue;
    const at = whole.indexOf(` ${part} `, from);
    if (at < 0) return false;
    from = at + part.length + 1;
  }
  return true;
}
