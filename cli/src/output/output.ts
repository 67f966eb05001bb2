import type { Writable } from "node:stream";
import { createColors } from "picocolors";
import { plainText } from "./plain-text.ts";

type Colors = ReturnType<typeof createColors>;

/** Where a command writes to. Results go to stdout, everything about them to stderr. */
export interface Output {
  /** True when people watch: colours and progress are drawn. */
  readonly isInteractive: boolean;
  readonly columns: number;
  readonly colors: Colors;
  /** A line of the result. */
  line(text?: string): void;
  /** A result for programs: one JSON document on one line. */
  json(value: unknown): void;
  /** A line about what happens meanwhile. */
  note(text: string): void;
}

export interface OutputStreams {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** Writes to the given streams. `NO_COLOR` and a pipe both switch colours off. */
export const createOutput = (
  { stdout, stderr }: OutputStreams,
  environment: Readonly<Record<string, string | undefined>>,
): Output => {
  const isInteractive = stdout.isTTY === true && stderr.isTTY === true;
  const isColored = (stdout.isTTY === true && !environment.NO_COLOR) || Boolean(environment.FORCE_COLOR);
  return {
    isInteractive,
    columns: stdout.columns ?? 100,
    colors: createColors(isColored),
    line: (text = "") => stdout.write(`${text}\n`),
    json: (value) => stdout.write(`${JSON.stringify(value)}\n`),
    note: (text) => stderr.write(`${text}\n`),
  };
};

/** Text that came from outside (titles, logs, agents), safe to write to a terminal. */
export const foreign = (text: string): string => plainText(text);
