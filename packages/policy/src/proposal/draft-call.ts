import type { PolicyFacts, PolicyRule } from "@agentvine/contracts";
import { readShellLine } from "../shell/read-shell-line.ts";
import type { ShellLine, SimpleCommand } from "../shell/shell-line.ts";
import { isHarmlessVariable } from "../shell/variables.ts";
import { NotDraftable } from "./not-draftable.ts";

type Tool = NonNullable<PolicyFacts["tool"]>;

/** What of a rule tells one call from others: patterns, and a condition where patterns can't say it. */
export interface CallConditions extends Pick<PolicyRule, "commands" | "paths"> {
  readonly condition?: string;
}

/** Characters that a pattern can't hold, or that mean something else in it. */
const notInPattern = /[*;|&<>$`"'(){}\\]/;
const notInGlob = /[*?{}]/;

/** A text as a condition writes it. */
export const celText = (text: string): string => JSON.stringify(text);

function assertKnown({ words, variables }: SimpleCommand): void {
  const foreign = variables.find((name) => !isHarmlessVariable(name));
  if (foreign !== undefined) throw new NotDraftable(`it sets ${foreign}, and a rule can't hold its value`);
  if (words.some(({ value }) => value === null))
    throw new NotDraftable("only the shell can tell what one of its words becomes");
}

/** The words as a pattern, when the line is one simple command and nothing else: no quotes, no redirection, nothing fed to it. */
function patternOf(command: string, { commands, wrappers }: ShellLine, decision: "allow" | "deny") {
  const words = command.trim().split(/\s+/);
  const [only, ...further] = commands;
  const isPlain =
    further.length === 0 &&
    wrappers.length === 0 &&
    !notInPattern.test(command) &&
    only?.words.length === words.length &&
    only.words.every(({ value }, index) => value === words[index]);
  if (!isPlain) return undefined;
  const [name = "", ...rest] = words;
  // A denial looks for the name behind any path.
  return [decision === "deny" ? name.slice(name.lastIndexOf("/") + 1) : name, ...rest].join(" ");
}

/** One simple command is held to its words, whatever else to the very line. */
function ofCommand(command: string, decision: "allow" | "deny"): CallConditions {
  const reading = readShellLine(command);
  if (!reading.isUnderstood) throw new NotDraftable(`its shell line can't be judged: ${reading.reason}`);
  const { line } = reading;
  for (const one of [...line.commands, ...line.wrappers]) assertKnown(one);
  if (line.files.some(({ path }) => path === null))
    throw new NotDraftable("only the shell can tell which file it redirects");
  const pattern = patternOf(command, line, decision);
  return pattern === undefined
    ? { condition: `tool.command == ${celText(command)}` }
    : { commands: [pattern] };
}

function exactGlobs(paths: readonly string[]): string[] {
  const unspellable = paths.find((path) => path === "" || notInGlob.test(path) || path.endsWith("/"));
  if (unspellable !== undefined)
    throw new NotDraftable("one of its paths can't be written so that it means that path alone");
  return [...paths];
}

function ofPaths(paths: readonly string[], decision: "allow" | "deny"): CallConditions {
  if (paths.length === 0)
    throw new NotDraftable("the call names neither a command nor a path that a rule could be held to");
  if (decision === "deny" && paths.length > 1)
    throw new NotDraftable("a denial of several paths would deny each of them by itself");
  return { paths: exactGlobs(paths) };
}

/** What holds a rule to this very call. @throws NotDraftable saying why no rule can be */
export const callConditions = (tool: Tool, decision: "allow" | "deny"): CallConditions =>
  tool.command === null ? ofPaths(tool.paths, decision) : ofCommand(tool.command, decision);
