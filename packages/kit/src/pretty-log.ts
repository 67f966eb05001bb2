import { Writable } from "node:stream";

const levelNames: Record<number, string> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};
const headFields = new Set(["level", "time", "name", "msg", "pid", "hostname", "err"]);

/** A stream that turns pino's JSON lines into lines for people. What is no JSON passes unchanged. */
export function prettyLogStream(target: Writable): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      const text = String(chunk)
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => `${prettyLine(line)}\n`)
        .join("");
      target.write(text, () => done());
    },
  });
}

function prettyLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line);
  } catch {
    return line;
  }
  const time = new Date(Number(record.time)).toISOString().slice(11, 23);
  const level = (levelNames[Number(record.level)] ?? String(record.level)).padEnd(5);
  const fields = Object.entries(record)
    .filter(([key]) => !headFields.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("");
  return `${time} ${level} ${record.name}: ${record.msg ?? ""}${fields}${prettyError(record.err)}`;
}

function prettyError(error: unknown): string {
  if (typeof error !== "object" || error === null) {
    return "";
  }
  const { stack, message } = error as { stack?: string; message?: string };
  return `\n    ${(stack ?? message ?? "").replaceAll("\n", "\n    ")}`;
}
