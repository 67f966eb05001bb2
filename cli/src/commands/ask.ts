import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { AppError } from "@agentvine/kit";
import type { CommandContext } from "./command.ts";

/** Takes what a terminal would echo. */
const nowhere = (): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) => done(),
  });

/**
 * The password: the next line of standard input. At a terminal it is asked for, and not shown while it is typed.
 * @throws AppError `command.usage` when there is none
 */
export async function askPassword(
  { stdin, output, signal }: CommandContext,
  prompt: string,
): Promise<string> {
  const isTerminal = "isTTY" in stdin && stdin.isTTY === true;
  if (isTerminal) output.note(prompt);
  const lines = createInterface({ input: stdin, output: nowhere(), terminal: isTerminal, signal });
  try {
    for await (const line of lines) if (line !== "") return line;
  } finally {
    lines.close();
  }
  throw new AppError("command.usage", "no password: give it on standard input, as one line");
}
