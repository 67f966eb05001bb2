import { AppError } from "@agentvine/kit";

let list: Promise<ReadonlySet<string>> | undefined;

/** Fifty thousand passwords that people chose most, in lower case; read with the first password that somebody chooses. */
async function commonPasswords(): Promise<ReadonlySet<string>> {
  list ??= import("@zxcvbn-ts/language-common").then(
    ({ dictionary }) => new Set(dictionary["passwords-common"].map(String)),
  );
  return await list;
}

/** What is left when digits and signs at both ends, which people add to a short one, are taken away. */
const coreOf = (text: string): string => text.replaceAll(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
/** The shortest text that gives this one when it is repeated. */
const unitOf = (text: string): string => /^(.+?)\1*$/su.exec(text)?.[1] ?? text;

const isSequence = (text: string): boolean => {
  const steps = new Set(
    [...text].slice(1).map((c, i) => (c.codePointAt(0) ?? 0) - (text.codePointAt(i) ?? 0)),
  );
  return steps.size === 1;
};

/**
 * Why nobody should choose this password: it is among those that are tried first. No rules of composition (NIST SP 800-63B 3.1.1.2).
 * @param own words that everybody would try for this person: name, e-mail address
 */
async function guessableReasonOf(password: string, own: readonly string[]): Promise<string | undefined> {
  const lower = password.toLowerCase();
  const known = await commonPasswords();
  const unit = unitOf(lower);
  if (unit.length <= 4 || isSequence(lower) || /^(?:0?123456789)+0?1?2?3?4?5?$/.test(lower))
    return "must not be a pattern that repeats or counts";
  const forms = [lower, coreOf(lower), unit, coreOf(unit), unitOf(coreOf(lower))];
  if (forms.some((form) => known.has(form)))
    return "is among the passwords that are tried first: choose another";
  const words = [...own, "agentvine"].map((word) => word.toLowerCase()).filter((word) => word.length > 2);
  return forms.some((form) => words.includes(form))
    ? "must not be your name, your e-mail address or ours with something added"
    : undefined;
}

/** @throws AppError `request.invalid` that names the field */
export async function assertHardToGuess(
  field: string,
  password: string,
  own: readonly string[],
): Promise<void> {
  const message = await guessableReasonOf(password, own);
  if (message === undefined) return;
  throw new AppError("request.invalid", `The request is not valid: ${field} ${message}.`, {
    issues: [{ path: field, message }],
  });
}

/** The words that everybody would try for a person. */
export const ownWordsOf = (person: { username: string; fullName: string; email: string }): string[] => {
  const { username, fullName, email } = person;
  return [username, fullName, email, email.split("@")[0] ?? ""];
};
