import { describe, expect, test } from "vitest";
import { isQuoteOf } from "./quote.ts";

const text =
  "# House rules\n\nEach line is *rounded* half up\nto the cent.  Totals aren't rounded; über alles: 8080.";

describe("a quote", () => {
  test.each([
    ["", "nothing is claimed"],
    ["Each line is rounded half up to the cent.", "over line ends and markdown"],
    ["each LINE is rounded", "in another case"],
    ["“Totals aren’t rounded”", "with typographic marks"],
    ["Each line … to the cent", "with something left out"],
    ["House rules... 8080", "with dots of the keyboard"],
    ["ÜBER alles", "of other letters"],
  ])("stands in the text: %j (%s)", (quote) => {
    expect(isQuoteOf(quote, text)).toBe(true);
  });

  test.each([
    ["because I say so", "made up"],
    ["Each line is rounded half down", "with another end"],
    ["rounded line each", "in another order"],
    ["to the cent … Each line", "its parts the wrong way round"],
    ["ach line is", "cut inside a word"],
    ["808", "a part of a number"],
  ])("does not: %j (%s)", (quote) => {
    expect(isQuoteOf(quote, text)).toBe(false);
  });
});
