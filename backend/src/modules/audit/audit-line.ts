// Beside line feeds, what some readers take for the end of a line or for a command to the terminal. JSON.stringify escapes the
// first 32 characters, quotes and backslashes already.
const breaks = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** One line of the export: JSON, and whatever stands in it, one line for every reader. */
export const auditLine = (value: object): string =>
  `${JSON.stringify(value).replace(breaks, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
