import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { AppError, coerceError } from "@agentvine/kit";
import type { CommandContext } from "./command.ts";

/** A file of the caller's. @throws AppError `command.usage` */
export async function readGivenFile(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("command.usage", `${flag} ${path}: ${coerceError(error).message}`, { cause: error });
  }
}

/**
 * A secret from a file, else from standard input: on a command line every process of the machine could read it. The line end that an
 * editor or `echo` puts behind it is no part of it.
 * @throws AppError `command.usage` when there is none
 */
export async function readSecretValue(
  { stdin, output }: CommandContext,
  { file, flag, what }: { readonly file: string | undefined; readonly flag: string; readonly what: string },
): Promise<string> {
  if (file === undefined && output.isInteractive) output.note(`type or paste ${what}, then Enter and Ctrl-D`);
  const given = file === undefined ? await text(stdin) : await readGivenFile(file, flag);
  const value = given.replace(/\r?\n$/, "");
  if (value === "")
    throw new AppError(
      "command.usage",
      `nothing was given for ${what}: pipe it in, or name a file with ${flag}`,
    );
  return value;
}
