import type { Budget } from "./budget.ts";

/**
 * Whether the items are what the pattern describes, where a star stands for any number of items. Only the last star is ever taken
 * back, so the time is bounded by the product of the lengths, without recursion.
 */
export function matchesSequence<P, I>(
  pattern: ArrayLike<P>,
  items: ArrayLike<I>,
  isStar: (part: P) => boolean,
  isMatch: (part: P, item: I) => boolean,
  budget: Budget,
): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let taken = 0;
  while (next < items.length) {
    budget.spend(1);
    const part = pattern[at];
    if (part !== undefined && isStar(part)) {
      star = at;
      taken = next;
      at += 1;
    } else if (part !== undefined && isMatch(part, items[next] as I)) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      taken += 1;
      next = taken;
      at = star + 1;
    } else {
      return false;
    }
  }
  while (at < pattern.length && isStar(pattern[at] as P)) {
    at += 1;
  }
  return at === pattern.length;
}

const isStarCharacter = (character: string): boolean => character === "*";
const isSameCharacter = (part: string, character: string): boolean => part === "?" || part === character;
const isSameCharacterExactly = (part: string, character: string): boolean => part === character;

/** `*` stands for any characters. */
export const matchesWildcard = (pattern: string, text: string, budget: Budget): boolean =>
  matchesSequence(pattern, text, isStarCharacter, isSameCharacterExactly, budget);

/** Like `matchesWildcard`, and `?` stands for one character. */
export const matchesSegment = (pattern: string, text: string, budget: Budget): boolean =>
  matchesSequence(pattern, text, isStarCharacter, isSameCharacter, budget);
