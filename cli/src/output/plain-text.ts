import { stripVTControlCharacters } from "node:util";

// OSC, DCS, SOS, PM and APC strings, also unfinished ones: removed whole, before the plain sequences.
const controlStrings =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  /(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * Text without terminal control sequences: what agents and repositories wrote must not move the cursor, set the title or fill the
 * clipboard (OSC 52) of who reads it. Newlines and tabs stay.
 */
export const plainText = (text: string): string =>
  stripVTControlCharacters(text.replace(controlStrings, ""))
    .replace(/\r\n?/g, "\n")
    .replace(controlCharacters, "");

/** One line of at most `columns` characters. */
export const oneLine = (text: string, columns: number): string => {
  const line = plainText(text).replace(/\s+/g, " ").trim();
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
};
