import type { DoubleQuotedChild, Word, WordPart } from "unbash";
import type { ShellWord } from "./shell-line.ts";

type Known = { readonly text: string } | { readonly canSplit: boolean };

function knownOfQuoted(part: DoubleQuotedChild): Known {
  return part.type === "Literal" ? { text: part.value } : { canSplit: false };
}

function knownOf(part: WordPart): Known[] {
  switch (part.type) {
    case "Literal":
    case "SingleQuoted":
      return [{ text: part.value }];
    case "DoubleQuoted":
      return part.parts.length === 0 ? [{ text: "" }] : part.parts.map(knownOfQuoted);
    case "Glob":
    case "BraceExpansion":
      return [{ canSplit: false }];
    default:
      return [{ canSplit: true }];
  }
}

/** Whether "$@" hides in it, which becomes several words although it is quoted. */
const holdsAllArguments = (word: Word): boolean => /\$(@|\{@)|\[@\]/.test(word.text);

/** What is known of the word. */
export function shellWord(word: Word): ShellWord {
  if (word.parts === undefined) {
    return { value: word.value, prefix: word.value, canSplit: false };
  }
  const known = word.parts.flatMap(knownOf);
  const firstUnknown = known.findIndex((one) => !("text" in one));
  const literals = firstUnknown === -1 ? known : known.slice(0, firstUnknown);
  const prefix = literals.map((one) => ("text" in one ? one.text : "")).join("");
  if (firstUnknown === -1) {
    return { value: prefix, prefix, canSplit: false };
  }
  const canSplit = known.some((one) => "canSplit" in one && one.canSplit) || holdsAllArguments(word);
  return { value: null, prefix, canSplit };
}
