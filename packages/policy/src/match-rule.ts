import type { PolicyFacts } from "@agentvine/contracts";
import { conditionValues } from "./condition/environment.ts";
import { type Budget, OverBudget } from "./matching/budget.ts";
import { climbs, matchesGlob, type PathGlob } from "./matching/path-glob.ts";
import { matchesWildcard } from "./matching/wildcard.ts";
import type { CompiledRule } from "./rule-set.ts";
import { coversCommand, mayBeCommand } from "./shell/command-pattern.ts";
import { readShellLine } from "./shell/read-shell-line.ts";
import type { ReadLine, ShellLine } from "./shell/shell-line.ts";

/** Whether a rule is about the request. `unclear`: the shell line can't be judged. `failed`: its condition could not be judged. */
export type Verdict = "yes" | "no" | "unclear" | "failed";

type Tool = NonNullable<PolicyFacts["tool"]>;

/** The facts with what is worked out of them at most once. */
export class Subject {
  readonly facts: PolicyFacts;
  readonly budget: Budget;
  #values: Record<string, unknown> | undefined;
  #line: ReadLine | undefined;

  constructor(facts: PolicyFacts, budget: Budget) {
    this.facts = facts;
    this.budget = budget;
  }

  get values(): Record<string, unknown> {
    this.#values ??= conditionValues(this.facts);
    return this.#values;
  }

  /** The shell line, read. */
  line(command: string): ReadLine {
    this.#line ??= readShellLine(command);
    return this.#line;
  }

  /** Why the shell line can't be judged, as far as anybody asked. */
  get lineReason(): string | undefined {
    return this.#line?.isUnderstood === false ? this.#line.reason : undefined;
  }

  /** What a condition may go through at most. */
  get itemsMax(): number {
    const { tool, request, worker } = this.facts;
    return Math.max(tool?.paths.length ?? 0, request.options.length, worker.labels.length, 1);
  }
}

const yesIf = (isMatch: boolean): Verdict => (isMatch ? "yes" : "no");
const anyOf = (patterns: readonly string[], text: string, budget: Budget): boolean =>
  patterns.some((pattern) => matchesWildcard(pattern, text, budget));

function isFileAllowed(
  path: string | null,
  globs: readonly PathGlob[],
  line: ShellLine,
  budget: Budget,
): boolean {
  if (path === null || (line.changesFolder && !path.startsWith("/"))) {
    return false;
  }
  return globs.some((glob) => matchesGlob(glob, path, "strict", budget));
}

function commandVerdict(rule: CompiledRule, tool: Tool, subject: Subject): Verdict {
  const { commands } = rule;
  if (commands === undefined) {
    return "yes";
  }
  if (tool.command === null) {
    return "no";
  }
  const reading = subject.line(tool.command);
  if (!reading.isUnderstood) {
    return "unclear";
  }
  const { line } = reading;
  const { budget } = subject;
  if (!rule.isStrict) {
    const everything = [...line.commands, ...line.wrappers];
    return yesIf(everything.some((one) => commands.some((pattern) => mayBeCommand(pattern, one, budget))));
  }
  const isCovered =
    line.commands.length > 0 &&
    line.commands.every((one) => commands.some((pattern) => coversCommand(pattern, one, budget))) &&
    line.files.every(({ path }) => isFileAllowed(path, rule.paths ?? [], line, budget));
  return yesIf(isCovered);
}

/** What a call might touch: the paths it names, and every word of its shell line. */
function possiblePaths(line: ShellLine): (string | null)[] {
  const words = [...line.commands, ...line.wrappers].flatMap(({ words: all }) => all.slice(1));
  const values = words.map(({ value }) => value);
  const attached = values.flatMap((value) =>
    value?.includes("=") === true ? [value.slice(value.indexOf("=") + 1)] : [],
  );
  return [...values, ...attached, ...line.files.map(({ path }) => path)];
}

/** Whether a path climbs from a folder that the line itself changed into: nobody knows which file that is. */
const isMoved = (path: string, { changesFolder }: ShellLine): boolean =>
  changesFolder && !path.startsWith("/") && climbs(path);

function lenientPathVerdict(globs: readonly PathGlob[], tool: Tool, subject: Subject): Verdict {
  const isMatch = (path: string): boolean =>
    globs.some((glob) => matchesGlob(glob, path, "lenient", subject.budget));
  if (tool.paths.some(isMatch)) {
    return "yes";
  }
  if (tool.command === null) {
    return "no";
  }
  const reading = subject.line(tool.command);
  if (!reading.isUnderstood) {
    return "unclear";
  }
  const possible = possiblePaths(reading.line);
  if (possible.some((path) => path !== null && isMatch(path))) {
    return "yes";
  }
  return possible.some((path) => path === null || isMoved(path, reading.line)) ? "unclear" : "no";
}

function pathVerdict(rule: CompiledRule, tool: Tool, subject: Subject): Verdict {
  const globs = rule.paths;
  if (globs === undefined) {
    return "yes";
  }
  if (!rule.isStrict) {
    return lenientPathVerdict(globs, tool, subject);
  }
  // A shell line touches more than it names: its commands must be listed too, which also judges its redirections.
  if (rule.commands === undefined && (tool.command !== null || tool.paths.length === 0)) {
    return "no";
  }
  return yesIf(
    tool.paths.every((path) => globs.some((glob) => matchesGlob(glob, path, "strict", subject.budget))),
  );
}

function toolVerdicts(rule: CompiledRule, subject: Subject): Verdict[] {
  const { tool } = subject.facts;
  const { tools, toolClasses, commands, paths } = rule;
  if (tools === undefined && toolClasses === undefined && commands === undefined && paths === undefined) {
    return [];
  }
  if (
    tool === null ||
    (toolClasses !== undefined && !toolClasses.has(tool.toolClass)) ||
    (tools !== undefined && !anyOf(tools, tool.name, subject.budget))
  ) {
    return ["no"];
  }
  const ofCommand = commandVerdict(rule, tool, subject);
  return ofCommand === "no" ? ["no"] : [ofCommand, pathVerdict(rule, tool, subject)];
}

/** Whether the condition of the rule holds. */
export function conditionVerdict(
  { condition }: CompiledRule,
  values: Record<string, unknown>,
  itemsMax: number,
  budget: Budget,
): Verdict {
  if (condition === undefined) {
    return "yes";
  }
  budget.spend(10 + condition.stepsPerItem * itemsMax * 2);
  try {
    return yesIf(condition.holds(values, budget));
  } catch (error) {
    if (error instanceof OverBudget) {
      throw error;
    }
    return "failed";
  }
}

/** Whether the rule is about the request. */
export function matchRule(rule: CompiledRule, subject: Subject): Verdict {
  const { facts, budget } = subject;
  budget.spend(1);
  if (!rule.kinds.has(facts.request.kind) || !rule.subjects.has(facts.request.subject)) {
    return "no";
  }
  if (rule.repositories !== undefined && !anyOf(rule.repositories, facts.repository.key, budget)) {
    return "no";
  }
  const verdicts = toolVerdicts(rule, subject);
  if (verdicts.includes("no")) {
    return "no";
  }
  const ofCondition = conditionVerdict(rule, subject.values, subject.itemsMax, budget);
  if (ofCondition !== "yes") {
    return ofCondition;
  }
  return verdicts.includes("unclear") ? "unclear" : "yes";
}
