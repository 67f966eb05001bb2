/** A word of a command as far as it is known before the shell expands it. */
export interface ShellWord {
  /** What the program gets; null when only the shell can tell. */
  readonly value: string | null;
  /** What it begins with in any case. */
  readonly prefix: string;
  /** True when it may become words that do not begin so, or none. */
  readonly canSplit: boolean;
}

/** A program with its arguments. */
export interface SimpleCommand {
  readonly words: readonly ShellWord[];
  /** Names of the variables it is given in front (`CI=1 npm test`). */
  readonly variables: readonly string[];
}

/** A file that a redirection reads or writes; null when only the shell can tell which. */
export interface RedirectedFile {
  readonly path: string | null;
  readonly isWritten: boolean;
}

/** Everything a shell line runs, if it can be told. */
export interface ShellLine {
  /** What is run in the end: wrappers such as `timeout` or `sh -c` are taken off. Each must be allowed. */
  readonly commands: readonly SimpleCommand[];
  /** The wrappers that were taken off. */
  readonly wrappers: readonly SimpleCommand[];
  readonly files: readonly RedirectedFile[];
  /** Relative paths mean something else after `cd`. */
  readonly changesFolder: boolean;
}

/** The line, or why it can't be told what it runs. */
export type ReadLine =
  | { readonly isUnderstood: true; readonly line: ShellLine }
  | { readonly isUnderstood: false; readonly reason: string };

/** Only the shell, or the person who reads it, can tell what the line does. */
export class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
}

/** The program that a command names, without the folder it lies in. */
export const programOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

export const literal = (value: string): ShellWord => ({ value, prefix: value, canSplit: false });
export const unknownWord: ShellWord = { value: null, prefix: "", canSplit: true };
