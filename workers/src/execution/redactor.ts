import {
  blotOut,
  createSecretFinder,
  cutBeside,
  mergeSpans,
  redactionMark,
  type SecretFinder,
  type Span,
} from "../redaction/secret-finder.ts";

/**
 * Takes secrets out of a stream of text, also where one is cut by the border of two chunks: known values, in every usual spelling, and
 * what looks like a key of a well-known kind. What may still become a secret is held back until more is known.
 */
export interface Redactor {
  /** Adds text and returns what can be shown by now. */
  push(text: string): string;
  /** The rest. Afterwards the redactor starts anew. */
  end(): string;
}

// Shorter values would blot out ordinary words.
const secretCharsMin = 6;
/** Longer words are no keys; text without blanks must flow as well. */
const wordCharsMax = 4_096;

/** Keys of well-known kinds. None of them spans a blank, apart from the scheme word that `Bearer` and `Basic` begin with. */
const patterns: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{16,256}/g,
  /\bav[a-z]_[A-Za-z0-9._-]{16,512}/g,
  /\bavs1\.[0-9a-f]{16}\.[A-Za-z0-9_-]{38,8192}/g,
  /\bgh[pousr]_[A-Za-z0-9]{20,255}/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,255}/g,
  /\bglpat-[A-Za-z0-9_-]{16,255}/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,255}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bAIza[A-Za-z0-9_-]{30,64}/g,
  /\bnpm_[A-Za-z0-9]{30,64}/g,
  /\beyJ[A-Za-z0-9_-]{8,1024}\.eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,1024}/g,
  /(?<=\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC)\s)[A-Za-z0-9._~+/-]{16,2048}=*/g,
  /(?<=:\/\/[^\s/:@]{0,128}:)[^\s/@]{3,512}(?=@)/g,
];
const keyBegin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/g;
const keyEnd = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/;
const keyMarkCharsMax = 80;
/** So much of what was shown already is looked at again: the word before a token tells what it is. */
const contextCharsMax = 200;
/** A key block without an end is over after this. */
const keyCharsMax = 32_768;

/** @param secrets values that must never be shown, e.g. the model's key and the attempt's token. */
export const createRedactor = (secrets: readonly (string | undefined)[]): Redactor => {
  const known = createSecretFinder(secrets, secretCharsMin);
  let held = "";
  let context = "";
  /** Characters of a private key passed over so far; undefined outside of one. */
  let keyChars: number | undefined;

  /** Drops a private key that began earlier; false while it goes on. */
  const leaveKey = (): boolean => {
    if (keyChars === undefined) return true;
    const end = keyEnd.exec(held);
    if (end !== null) {
      held = held.slice(end.index + end[0].length);
      keyChars = undefined;
      return true;
    }
    const dropped = Math.max(0, held.length - keyMarkCharsMax);
    keyChars += dropped;
    held = held.slice(dropped);
    if (keyChars < keyCharsMax) return false;
    keyChars = undefined;
    return true;
  };

  /** Shows the held text up to the cut. */
  const show = (cut: number, spans: readonly Span[]): string => {
    const plain = held.slice(0, cut);
    held = held.slice(cut);
    context = (context + plain).slice(-contextCharsMax);
    return blotOut(
      plain,
      spans.filter((span) => span.to <= cut),
    );
  };

  /** Shows the text before the first private key and goes into it; the whole text when there is none. */
  const enterKey = (): string | undefined => {
    keyBegin.lastIndex = 0;
    const begin = keyBegin.exec(held);
    if (begin === null) return undefined;
    const shown = show(begin.index, spansOf(context, held.slice(0, begin.index), known));
    held = held.slice(begin[0].length);
    context = "";
    keyChars = 0;
    return `${shown}${redactionMark}`;
  };

  const flow = (isLast: boolean): string => {
    let shown = "";
    while (leaveKey()) {
      const before = enterKey();
      if (before === undefined) break;
      shown += before;
    }
    if (keyChars !== undefined) return shown;
    const spans = spansOf(context, held, known);
    return shown + show(isLast ? held.length : safeCut(held, spans, known), spans);
  };

  return {
    push(text) {
      held += text;
      return flow(false);
    },
    end() {
      const rest = flow(true);
      held = "";
      context = "";
      keyChars = undefined;
      return rest;
    },
  };
};

/** Everything in one piece. */
export const redact = (text: string, secrets: readonly (string | undefined)[]): string => {
  const redactor = createRedactor(secrets);
  return redactor.push(text) + redactor.end();
};

/** Up to where the text can't become part of a secret any more, whatever follows. */
const safeCut = (text: string, spans: readonly Span[], known: SecretFinder): number => {
  let cut = Math.min(openWordStart(text), known.openFrom(text));
  const mark = text.lastIndexOf("-----B", text.length);
  if (mark !== -1 && text.length - mark < keyMarkCharsMax) cut = Math.min(cut, mark);
  // A cut inside a found secret moves before it: it is shown as a whole, next time.
  return cutBeside(cut, spans);
};

/** Start of the last word, which may still grow into a key; a word too long for one is let go. */
const openWordStart = (text: string): number => {
  const from = Math.max(0, text.length - wordCharsMax);
  let start = text.length;
  while (start > from && !/\s/.test(text.charAt(start - 1))) start -= 1;
  return start;
};

/** Where secrets stand in `text`, as seen behind `context`. */
const spansOf = (context: string, text: string, known: SecretFinder): Span[] => {
  const spans = known.find(text);
  const seen = context + text;
  for (const pattern of patterns) {
    for (const match of seen.matchAll(pattern)) {
      const from = Math.max(0, match.index - context.length);
      const to = match.index + match[0].length - context.length;
      if (to > from) spans.push({ from, to });
    }
  }
  return mergeSpans(spans);
};
