import { AppError } from "@agentvine/kit";

/**
 * A command line as an argument list: a JSON array, or words between blanks with '…' and "…" around those that hold blanks. No shell
 * is involved, so nothing else has a meaning.
 * @throws AppError `config.invalid`
 */
export const parseCommandLine = (text: string): [string, ...string[]] => {
  const words = text.trimStart().startsWith("[") ? parseArray(text) : splitWords(text);
  const [file, ...args] = words;
  if (file === undefined || file === "") throw refuse(text, "it names no program");
  return [file, ...args];
};

const parseArray = (text: string): string[] => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(text, "it is no JSON array", error);
  }
  if (!Array.isArray(value) || value.some((word) => typeof word !== "string")) {
    throw refuse(text, "it is no array of strings");
  }
  return value;
};

const wordPattern = /(?:[^\s'"]|'[^']*'|"[^"]*")+/g;

const splitWords = (text: string): string[] => {
  if (/['"]/.test(text.replace(wordPattern, ""))) throw refuse(text, "a quote is not closed");
  return (text.match(wordPattern) ?? []).map((word) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ""),
  );
};

const refuse = (text: string, problem: string, cause?: unknown): AppError =>
  new AppError("config.invalid", `The agent's command line can't be used, ${problem}: ${text}`, { cause });
