import { type LogLevel, type LogLine, logLevels, logLineSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { storableJson } from "../../storable-json.ts";

/** Bytes of the log stream kept of one execution. What comes after is replaced by a marker. */
export const logBytesMax = 16 * 1024 * 1024;
/** Characters of each stream that an execution shows at a glance. */
export const logTailMax = 64 * 1024;

const metadataLevelsMax = 20;

/** The levels at and above one. */
export const levelsFrom = (level: LogLevel): LogLevel[] => logLevels.slice(logLevels.indexOf(level));

/** A line of the log, and how much of the stream it takes. */
export interface MeasuredLine {
  readonly line: LogLine;
  /** Bytes as it was sent, its line end included. */
  readonly bytes: number;
}

/**
 * The lines of a chunk of the log stream: whole lines of JSON, each ended by a newline.
 * @throws AppError `request.invalid` naming the line that is none.
 */
export function parseLogLines(text: string): MeasuredLine[] {
  if (text === "") {
    return [];
  }
  if (!text.endsWith("\n")) {
    throw invalidLine(text.split("\n").length, "has no end: a chunk holds whole lines");
  }
  return text
    .slice(0, -1)
    .split("\n")
    .map((line, index) => ({
      line: parseLogLine(line, index + 1),
      bytes: Buffer.byteLength(line, "utf8") + 1,
    }));
}

/** The lines that still fit behind `logBytes` of a log, the bytes they take, and whether all of them did. */
export function fitLines(
  logBytes: number,
  measured: readonly MeasuredLine[],
  bytesMax: number = logBytesMax,
): { lines: LogLine[]; logBytes: number; isFull: boolean } {
  let end = logBytes;
  const lines: LogLine[] = [];
  for (const { line, bytes } of measured) {
    if (end + bytes > bytesMax) {
      return { lines, logBytes: end, isFull: true };
    }
    end += bytes;
    lines.push(line);
  }
  return { lines, logBytes: end, isFull: false };
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
  if (!isNestedAtMost(result.data.metadata, metadataLevelsMax)) {
    throw invalidLine(number, `metadata is nested more than ${metadataLevelsMax} levels deep`);
  }
  // PostgreSQL can't keep NUL and halves of characters.
  return storableJson(result.data);
}

function isNestedAtMost(value: unknown, levels: number): boolean {
  return (
    typeof value !== "object" ||
    value === null ||
    (levels > 0 && Object.values(value).every((field) => isNestedAtMost(field, levels - 1)))
  );
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
