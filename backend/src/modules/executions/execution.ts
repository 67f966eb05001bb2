import type { LogLevel } from "@agentvine/contracts";
import { type LogLine, logLevels, logLineSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";

/** Bytes of the log stream kept of one execution. What comes after is replaced by a marker. */
export const logBytesMax = 16 * 1024 * 1024;
/** Characters of each stream that an execution shows at a glance. */
export const logTailMax = 64 * 1024;

/** The levels at and above one. */
export const levelsFrom = (level: LogLevel): LogLevel[] => logLevels.slice(logLevels.indexOf(level));

/** Bytes of a text as it is sent. */
export const bytesOf = (text: string): number => Buffer.byteLength(text, "utf8");

/**
 * The lines of a chunk of the log stream: whole lines of JSON, each ended by a newline.
 * @throws AppError `request.invalid` naming the line that is none.
 */
export function parseLogLines(text: string): LogLine[] {
  if (text === "") {
    return [];
  }
  if (!text.endsWith("\n")) {
    throw invalidLine(text.split("\n").length, "the chunk must end with a newline");
  }
  return text
    .slice(0, -1)
    .split("\n")
    .map((line, index) => parseLogLine(line, index + 1));
}

function parseLogLine(text: string, number: number): LogLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidLine(number, "is no JSON");
  }
  const result = logLineSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw invalidLine(number, `${issue?.path.join(".") ?? ""} ${issue?.message ?? "is not valid"}`.trim());
  }
  // PostgreSQL text can't hold it.
  return { ...result.data, message: result.data.message.replaceAll("\u0000", "\ufffd") };
}

const invalidLine = (number: number, message: string): AppError =>
  new AppError("request.invalid", `Line ${number} of the log chunk ${message}.`, {
    issues: [{ path: `text.${number}`, message }],
  });

/** What a full log ends with. */
export const fullLogMarker = (at: Date): LogLine => ({
  at: at.toISOString(),
  level: "warn",
  source: "worker",
  stream: "stdout",
  message: `[log cut here: more than ${logBytesMax / 1024 / 1024} MiB were written; the rest was dropped]`,
});
