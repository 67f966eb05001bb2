import { StringDecoder } from "node:string_decoder";
import { propertyRuns } from "@agentvine/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSecretRedactor } from "../agents/secret-redactor.ts";
import { createRedactor } from "../execution/redactor.ts";
import { redactionMark } from "./secret-finder.ts";

/** Something that takes secrets out of a stream; the shortest secret it cares for. */
interface Subject {
  name: string;
  charsMin: number;
  open: (secrets: readonly string[]) => { push(text: string): string; end(): string };
}

const subjects: Subject[] = [
  { name: "the redactor of logs", charsMin: 6, open: createRedactor },
  {
    name: "the redactor of drivers",
    charsMin: 8,
    open: (secrets) => {
      const { push, flush } = createSecretRedactor(secrets).stream();
      return { push, end: flush };
    },
  },
];

/** Cut anywhere between two bytes, as pipes do. */
function inPieces(
  subject: Subject,
  secrets: readonly string[],
  text: string,
  cuts: readonly number[],
): string {
  const redactor = subject.open(secrets);
  const decoder = new StringDecoder("utf8");
  const bytes = Buffer.from(text);
  const borders = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  let shown = "";
  for (const [index, border] of borders.entries()) {
    shown += redactor.push(decoder.write(bytes.subarray(borders[index - 1] ?? 0, border)));
  }
  return shown + redactor.push(decoder.end()) + redactor.end();
}

const percent = (text: string, isLarge: boolean): string =>
  [...Buffer.from(text)]
    .map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
    .map((code) => (isLarge ? code.toUpperCase() : code))
    .join("");

const within = (before: string, text: string, after: string) => Buffer.from(`${before}${text}${after}`);

/** How a secret may be written; `seed` chooses among the ways to do it. */
const spellings: Record<string, (secret: string, seed: number) => string> = {
  plain: (secret) => secret,
  "base64 at any place between the bytes": (secret, seed) =>
    within("x".repeat(seed % 3), secret, "y".repeat(seed % 5)).toString("base64"),
  "base64 without padding": (secret, seed) =>
    within("x".repeat(seed % 3), secret, "")
      .toString("base64")
      .replace(/=+$/, ""),
  "base64 for addresses": (secret, seed) =>
    within("x".repeat(seed % 3), secret, "y".repeat(seed % 4)).toString("base64url"),
  "base64, escaped in an address": (secret) => encodeURIComponent(Buffer.from(secret).toString("base64")),
  "hexadecimal digits": (secret, seed) => {
    const hex = Buffer.from(secret).toString("hex");
    return seed % 2 === 0 ? hex : hex.toUpperCase();
  },
  "an address": (secret) => encodeURIComponent(secret),
  "a form": (secret) => new URLSearchParams({ a: secret }).toString().slice(2),
  "an address, with every byte escaped": (secret, seed) => percent(secret, seed % 2 === 0),
  "an address, with some bytes escaped": (secret, seed) =>
    [...secret]
      .map((char, index) => ((seed >> (index % 20)) & 1 ? percent(char, index % 2 === 0) : char))
      .join(""),
  JSON: (secret) => JSON.stringify(secret).slice(1, -1),
  "JSON within JSON": (secret) => JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1),
  "JSON of ASCII alone": (secret) =>
    JSON.stringify(secret)
      .slice(1, -1)
      .replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
};

// Letters that nothing around the secrets has, what means something to regular expressions, encodings and shells, and long characters.
const secretUnit = fc.constantFrom(..."QZqz79", ..."\\^$.*+?()[]{}|/-%=&\"'<>~", "ß", "€", "😀");
const secretOf = (charsMin: number) =>
  fc
    .tuple(
      fc.constantFrom("Q", "z", "7"),
      fc.oneof(
        { weight: 3, arbitrary: fc.string({ unit: secretUnit, minLength: charsMin - 2, maxLength: 40 }) },
        // As short as can be: of its base64 least is certain.
        fc.string({ unit: fc.constantFrom("b", "k", "9"), minLength: charsMin - 2, maxLength: charsMin - 2 }),
      ),
    )
    .map(([first, rest]) => `${first}${rest}${first}`);
/** Text that holds none of the secrets, but all that spells them. */
const surrounding = fc
  .array(fc.constantFrom("a", "e", "\n", " ", "%", "\\", "+", "%2", "\\u00", "é", "🙂", "token", "=="), {
    maxLength: 10,
  })
  .map((parts) => parts.join(""));
const cuts = fc.array(fc.nat(5_000), { maxLength: 12 });
const seed = fc.nat(0xfffff);

/** Of base64 the signs at both ends belong to the neighbours as well: so many may be left, none of which tells a character. */
const base64RestMax = 12;

describe.each(subjects)("$name", (subject) => {
  const secret = secretOf(subject.charsMin);

  it.each(Object.entries(spellings))("never shows a secret in %s, wherever a piece ends", (name, spell) => {
    fc.assert(
      fc.property(secret, surrounding, surrounding, cuts, seed, (value, before, after, places, number) => {
        const spelled = spell(value, number);
        const whole = inPieces(subject, [value], before + spelled + after, []);
        if (name.startsWith("base64")) {
          expect(whole.startsWith(before) && whole.endsWith(after)).toBe(true);
          const rest = whole.slice(before.length, whole.length - after.length);
          expect(rest).toContain(redactionMark);
          expect(rest.length, rest).toBeLessThanOrEqual(redactionMark.length + base64RestMax);
        } else {
          expect(whole).toBe(`${before}${redactionMark}${after}`);
        }
        expect(inPieces(subject, [value], before + spelled + after, places)).toBe(whole);
      }),
      propertyRuns(25),
    );
  });

  it("leaves nothing of secrets that overlap, begin alike or hold each other, in any order", () => {
    const family = fc.tuple(secret, secret, fc.nat(30), fc.nat(30)).map(([one, other, a, b]) => {
      const tail = one.slice(-subject.charsMin);
      return {
        values: [one, `${one}${other}`, `${tail}${other}`, other],
        text: [one, `${one}${other}`, `${one.slice(0, a)}${one}${other}`, `${one}${other.slice(0, b)}`],
      };
    });
    fc.assert(
      fc.property(
        family,
        fc.shuffledSubarray([0, 1, 2, 3]),
        surrounding,
        cuts,
        ({ values, text }, order, between, places) => {
          const known = order.map((index) => values[index] ?? "");
          const whole = inPieces(subject, known, text.join(between), []);
          for (const value of known) expect(whole).not.toContain(value);
          expect(inPieces(subject, known, text.join(between), places)).toBe(whole);
          expect(inPieces(subject, [...known].reverse(), text.join(between), places)).toBe(whole);
        },
      ),
      propertyRuns(100),
    );
  });

  it("takes out the lines of a secret of several lines, together and one by one", () => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 2, maxLength: 4 }),
        surrounding,
        cuts,
        (lines, between, places) => {
          const value = lines.join("\n");
          const text = [value, ...lines, value.replaceAll("\n", "\\n")].join(` ${between}`);
          const whole = inPieces(subject, [value], text, []);
          for (const line of lines) expect(whole).not.toContain(line);
          expect(inPieces(subject, [value], text, places)).toBe(whole);
        },
      ),
      propertyRuns(60),
    );
  });

  it("passes text without secrets on unchanged, also such as begins like one", () => {
    fc.assert(
      fc.property(
        fc.array(secret, { maxLength: 3 }),
        fc.array(fc.oneof(surrounding, fc.string({ unit: "grapheme" }), seed), { maxLength: 10 }),
        cuts,
        (secrets, parts, places) => {
          // A number stands for the beginning of a secret: at most five characters of it.
          const text = parts
            .map((part) => (typeof part === "number" ? (secrets[part % 3] ?? "").slice(0, part % 6) : part))
            .join(" ");
          expect(inPieces(subject, secrets, text, places)).toBe(Buffer.from(text).toString());
        },
      ),
      propertyRuns(100),
    );
  });

  it("ignores secrets that are too short to be told from words", () => {
    const short = fc
      .string({ unit: secretUnit, maxLength: subject.charsMin - 1 })
      .filter((text) => text.length < subject.charsMin);
    fc.assert(
      fc.property(fc.array(short), surrounding, cuts, (secrets, around, places) => {
        const text = `${around}${secrets.join(around)}`;
        expect(inPieces(subject, secrets, text, places)).toBe(text);
      }),
      propertyRuns(50),
    );
  });
});

describe("the redactor of drivers", () => {
  it("takes secrets out of all strings of a JSON value and changes nothing else", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), secretOf(8), (value, secret) => {
        const redactor = createSecretRedactor([secret]);
        expect(redactor.value(value)).toBe(value);
        const laden = { [secret]: [value, { deep: `x ${secret} ${JSON.stringify({ secret })}` }] };
        const shown = JSON.stringify(redactor.value(laden));
        expect(shown).not.toContain(JSON.stringify(secret).slice(1, -1));
        expect(redactor.value(laden)).toMatchObject({ [redactionMark]: [value, {}] });
      }),
      propertyRuns(60),
    );
  });
});
