// Every visible ASCII character that is neither letter nor digit. Between words for us, whatever PostgreSQL takes for one word:
// paths, host names, compounds.
const marks = /[!-/:-@[-`{-~]/g;
const wordsMax = 20;

/** A text that is found as it is, for `like`: without a meaning for `%`, `_` and `\\`. */
export const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, "\\$&");

/** A text with its words apart, as it goes into the index. */
export const withWordsApart = (text: string): string => text.replace(marks, " ");

/**
 * What is searched for, as `to_tsquery` takes it: each word must be the beginning of one. Empty when there is no word in it; of very many
 * words the first count.
 */
export const searchOf = (text: string): string =>
  withWordsApart(text)
    .split(/\s+/)
    .filter((word) => word !== "")
    .slice(0, wordsMax)
    .map((word) => `'${word}':*`)
    .join(" & ");
