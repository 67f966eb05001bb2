import { blotOut, createSecretFinder, cutBeside, mergeSpans, type Span } from "../redaction/secret-finder.ts";

// Shorter secrets would blot out ordinary words.
const secretLengthMin = 8;

/** Takes secrets out of everything that leaves a driver, in whatever spelling they come along. */
export interface SecretRedactor {
  text(text: string): string;
  /** The same value with the secrets taken out of every string in it, names of fields too. The value must be JSON. */
  value<T>(value: T): T;
  /** For text that comes in pieces: a secret is found across their borders too. */
  stream(): { push(piece: string): string; flush(): string };
}

export function createSecretRedactor(candidates: readonly (string | undefined)[]): SecretRedactor {
  const known = createSecretFinder(candidates, secretLengthMin);
  const spansOf = (text: string): Span[] => mergeSpans(known.find(text));
  const text = (input: string): string => blotOut(input, spansOf(input));

  return {
    text,
    value: <T>(value: T): T => mapStrings(value, text) as T,
    stream: () => {
      let held = "";
      return {
        push: (piece) => {
          held += piece;
          const spans = spansOf(held);
          const cut = cutBeside(known.openFrom(held), spans);
          const plain = held.slice(0, cut);
          held = held.slice(cut);
          return blotOut(
            plain,
            spans.filter(({ to }) => to <= cut),
          );
        },
        flush: () => {
          const rest = text(held);
          held = "";
          return rest;
        },
      };
    },
  };
}

/** The JSON value with every string in it changed; the same value when none of them is. */
function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => mapStrings(item, change));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  const before = Object.entries(value);
  const after = before.map(([name, field]) => [change(name), mapStrings(field, change)] as const);
  const isSame = after.every(
    ([name, field], index) => name === before[index]?.[0] && field === before[index]?.[1],
  );
  return isSame ? value : Object.fromEntries(after);
}
