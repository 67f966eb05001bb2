/** A piece of a text: from its first character up to and without `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const redactionMark = "[redacted]";

/** Finds known secrets in every spelling they may come along in. */
export interface SecretFinder {
  /** Where they stand in the text; pieces may overlap. */
  find(text: string): Span[];
  /** From where on the text may still become a secret, whatever follows; its length when nothing of it may. */
  openFrom(text: string): number;
}

/** How a secret is spelled: for each of its parts the texts that may stand for it. */
interface Spelling {
  readonly parts: readonly (readonly string[])[];
  /** Where it may begin. */
  readonly start: RegExp;
  /** The characters it may begin with. */
  readonly initials: string;
  readonly charsMax: number;
}

/** So much of a spelling is looked for first, quickly. */
const startPartsMax = 3;

/** Shorter base64 would blot out ordinary words. What is certain of the shortest secret has seven characters. */
const base64CharsMin = 7;

/**
 * Looks for the values plain, in base64 (plain and for addresses, wherever it lies between the bytes), in hexadecimal, and with any
 * of the characters escaped for an address or in JSON. A value of several lines is also looked for line by line.
 * @param charsMin values (and lines of them) that are shorter are ignored: they would blot out ordinary words
 */
export function createSecretFinder(secrets: readonly (string | undefined)[], charsMin: number): SecretFinder {
  const spellings = valuesOf(secrets, charsMin).flatMap(spellingsOf);
  return {
    find: (text) => spellings.flatMap((spelling) => findSpelling(text, spelling)),
    openFrom: (text) => Math.min(text.length, ...spellings.map((spelling) => openingOf(text, spelling))),
  };
}

/** Pieces that overlap as one, in their order. What only touches stays apart: where a stream is cut must make no difference. */
export function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from || b.to - a.to)) {
    const last = merged.at(-1);
    if (last !== undefined && from < last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

/** The text with a mark in place of each piece. The pieces must be merged. */
export function blotOut(text: string, spans: readonly Span[]): string {
  let shown = "";
  let at = 0;
  for (const { from, to } of spans) {
    shown += text.slice(at, from) + redactionMark;
    at = to;
  }
  return shown + text.slice(at);
}

/** The place to cut a text at, or before it: no piece is cut in two. The pieces must be merged. */
export const cutBeside = (cut: number, spans: readonly Span[]): number =>
  spans.find(({ from, to }) => from < cut && cut < to)?.from ?? cut;

function valuesOf(secrets: readonly (string | undefined)[], charsMin: number): string[] {
  const values = secrets
    .filter((secret) => secret !== undefined)
    .flatMap((secret) => [secret, ...(secret.includes("\n") ? secret.split("\n") : [])])
    .map((value) => value.trim());
  return [...new Set(values)].filter((value) => value.length >= charsMin);
}

/** Goes on by one part from a place into `next`; true when the text ends within the part. */
function step(text: string, place: number, part: readonly string[], next: number[]): boolean {
  let isOpen = false;
  for (const one of part) {
    if (text.startsWith(one, place)) {
      const to = place + one.length;
      if (!next.includes(to)) next.push(to);
    } else if (place + one.length > text.length) {
      isOpen ||= one.startsWith(text.slice(place));
    }
  }
  return isOpen;
}

/** Where a spelling that begins here ends (undefined: it is none), and whether more text could make it one, or a longer one. */
function follow(text: string, at: number, { parts }: Spelling): { to: number | undefined; isOpen: boolean } {
  let places = [at];
  let isOpen = false;
  for (const part of parts) {
    const next: number[] = [];
    for (const place of places) isOpen = step(text, place, part, next) || isOpen;
    places = next;
    if (places.length === 0) return { to: undefined, isOpen };
  }
  return { to: Math.max(...places), isOpen };
}

function findSpelling(text: string, spelling: Spelling): Span[] {
  const spans: Span[] = [];
  for (const { index } of text.matchAll(spelling.start)) {
    const { to } = follow(text, index, spelling);
    if (to !== undefined) spans.push({ from: index, to });
  }
  return spans;
}

function openingOf(text: string, spelling: Spelling): number {
  const { initials, charsMax } = spelling;
  for (let at = Math.max(0, text.length - charsMax); at < text.length; at += 1) {
    if (initials.includes(text.charAt(at)) && follow(text, at, spelling).isOpen) return at;
  }
  return text.length;
}

function spellingOf(parts: readonly (readonly string[])[]): Spelling {
  return {
    parts,
    initials: [...new Set((parts[0] ?? []).map((text) => text.charAt(0)))].join(""),
    // Looks ahead only: the next beginning may lie within this one.
    start: new RegExp(`(?=${parts.slice(0, startPartsMax).map(anyOf).join("")})`, "g"),
    charsMax: parts.reduce((sum, part) => sum + Math.max(...part.map(({ length }) => length)), 0),
  };
}

/** A regular expression for one of the texts. */
const anyOf = (texts: readonly string[]): string =>
  `(?:${texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|")})`;

const spellingsOf = (value: string): Spelling[] =>
  [
    [...value].map(escapesOf),
    [...Buffer.from(value)].map(hexOf),
    ...base64CoresOf(value).map((core) => [...core].map(base64SignsOf)),
  ].map(spellingOf);

const hexOf = (byte: number): string[] => eachCase(byte.toString(16).padStart(2, "0"));

/** Both digits of a code may be written large or small, on their own. */
const eachCase = (hex: string): string[] => {
  const variants = [...hex].reduce<string[]>(
    (before, digit) =>
      before.flatMap((text) =>
        [...new Set([digit.toLowerCase(), digit.toUpperCase()])].map((one) => text + one),
      ),
    [""],
  );
  return [...new Set(variants)];
};

/** JSON's short escapes. */
const shortEscapes: Readonly<Record<string, string>> = {
  "\n": "n",
  "\r": "r",
  "\t": "t",
  "\b": "b",
  "\f": "f",
  '"': '"',
  "/": "/",
};

/** The ways to write a character: as it is, as bytes for an address, in JSON, and in JSON within JSON. */
function escapesOf(char: string): string[] {
  const ways = [char, ...percentCodesOf(char)];
  if (char === " ") ways.push("+");
  if (char === "\\") ways.push("\\\\", "\\\\\\\\");
  const short = shortEscapes[char];
  if (short !== undefined) ways.push(`\\${short}`, short === '"' ? '\\\\\\"' : `\\\\${short}`);
  if (!/[A-Za-z0-9]/.test(char)) ways.push(...unicodeEscapesOf(char));
  return [...new Set(ways)];
}

function percentCodesOf(char: string): string[] {
  const bytes = [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`);
  return bytes.length === 1 ? eachCase(bytes[0] ?? "") : [bytes.join(""), bytes.join("").toUpperCase()];
}

/** Large and small digits, but not mixed: no encoder does. */
function unicodeEscapesOf(char: string): string[] {
  const small = Array.from({ length: char.length }, (_, n) =>
    char.charCodeAt(n).toString(16).padStart(4, "0"),
  );
  const codes = [small, small.map((hex) => hex.toUpperCase())];
  return codes.flatMap((hexes) =>
    ["\\", "\\\\"].map((slash) => hexes.map((hex) => `${slash}u${hex}`).join("")),
  );
}

/** What base64 of any text that holds the value must hold: one core for each of the three ways it may lie between the bytes. */
function base64CoresOf(value: string): string[] {
  const cores = [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]);
    const encoded = bytes.toString("base64").replace(/=+$/, "");
    const start = Math.ceil((offset * 8) / 6);
    return encoded.slice(start, bytes.length % 3 === 0 ? encoded.length : encoded.length - 1);
  });
  return cores.filter((core) => core.length >= base64CharsMin);
}

/** Base64 in an address has other signs, or its own ones escaped. */
const base64SignsOf = (sign: string): string[] =>
  sign === "+" ? ["+", "-", "%2B", "%2b"] : sign === "/" ? ["/", "_", "%2F", "%2f", "\\/"] : [sign];
