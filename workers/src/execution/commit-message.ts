const subjectCharsMax = 72;
const bodyCharsMax = 4_000;

/** A conventional commit: the task's title as the subject, the agent's summary below. */
export const commitMessage = (type: string, title: string, summary: string): string => {
  const plain = printable(title).replace(/\s+/g, " ").trim();
  // A title that is conventional already keeps its own type.
  const subject = /^[a-z]+(\([^)]*\))?!?: /.test(plain) ? plain : `${type}: ${lowerFirst(plain)}`;
  const body = printable(summary).trim().slice(0, bodyCharsMax);
  return body === "" ? clip(subject) : `${clip(subject)}\n\n${body}`;
};

/** git takes no NUL, and nobody wants to read the other control characters. */
const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, "");

/** Lower case at the start, unless the word is a name or an abbreviation. */
const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]+(\s|$)/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;

const clip = (subject: string): string => {
  const clean = subject.replace(/\.$/, "");
  return clean.length <= subjectCharsMax ? clean : `${clean.slice(0, subjectCharsMax - 1)}…`;
};
