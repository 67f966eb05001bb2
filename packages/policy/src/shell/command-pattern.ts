import type { Budget } from "../matching/budget.ts";
import { climbs } from "../matching/path-glob.ts";
import { matchesSequence, matchesWildcard } from "../matching/wildcard.ts";
import { isLauncher, mayBeAnything, spelledWords } from "./hazards.ts";
import { literal, programOf, type ShellWord, type SimpleCommand } from "./shell-line.ts";
import { isDangerousVariable, isHarmlessVariable } from "./variables.ts";

/** One simple command as a rule writes it: words, where `*` stands for a part of a word and, at the end, for any further words. */
export interface CommandPattern {
  readonly text: string;
  /** Variables that may be set in front. */
  readonly variables: ReadonlySet<string>;
  readonly words: readonly string[];
  /** True when any further words may follow. */
  readonly isOpen: boolean;
}

const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=\*$/;
const shellCharacters = /[;|&<>$`"'(){}\\\n\r]/;

/** Reads a pattern. @throws Error saying what is wrong */
export function compileCommandPattern(text: string): CommandPattern {
  const found = shellCharacters.exec(text);
  if (found !== null) {
    throw new Error(`a pattern names one simple command, without ${JSON.stringify(found[0])}`);
  }
  const tokens = text.split(/\s+/).filter((token) => token !== "");
  const variables = new Set<string>();
  while (assignment.test(tokens[0] ?? "")) {
    const name = assignment.exec(tokens.shift() ?? "")?.[1] ?? "";
    if (isDangerousVariable(name)) {
      throw new Error(`${name} makes programs run or load something else and can't be let through`);
    }
    variables.add(name);
  }
  if (tokens.length === 0) {
    throw new Error("a pattern needs the name of a command");
  }
  const isOpen = tokens.length > 1 && tokens.at(-1) === "*";
  return { text, variables, words: isOpen ? tokens.slice(0, -1) : tokens, isOpen };
}

/** Why the pattern would let through more than it says; undefined when it does not. */
export function tooWide({ words, isOpen }: CommandPattern): string | undefined {
  const name = words[0] ?? "";
  if (name.includes("*")) {
    return "the name of a command that is allowed must be spelled out";
  }
  const spelled = words.findIndex((word) => word.includes("*"));
  const fixed = spelled === -1 ? words.length : spelled;
  const needed = spelledWords(name);
  if ((isOpen || spelled !== -1) && fixed < needed) {
    return needed === 2
      ? `${name} runs its first argument: spell it out`
      : `${name} runs any other command: spell out all of it`;
  }
  return undefined;
}

const isStar = (): boolean => false;

/** Whether the pattern surely describes the command: what an allowance needs. */
export function coversCommand(pattern: CommandPattern, command: SimpleCommand, budget: Budget): boolean {
  const { words } = command;
  const name = words[0]?.value ?? "";
  const isCovered = (part: string, word: ShellWord): boolean => {
    if (!part.includes("*")) {
      return word.value === part;
    }
    const { value } = word;
    // `scripts/*` stays below scripts.
    return (
      value !== null && !climbs(value) && mayBeAnything(name, word) && matchesWildcard(part, value, budget)
    );
  };
  budget.spend(1 + command.variables.length);
  if (words.length < pattern.words.length || (!pattern.isOpen && words.length > pattern.words.length)) {
    return false;
  }
  if (command.variables.some((variable) => !isAcceptable(variable, pattern))) {
    return false;
  }
  const spelled = words.slice(0, pattern.words.length);
  if (!matchesSequence(pattern.words, spelled, isStar, isCovered, budget)) {
    return false;
  }
  const further = words.slice(pattern.words.length);
  budget.spend(further.length);
  return further.every((word) => mayBeAnything(name, word));
}

const isAcceptable = (variable: string, pattern: CommandPattern): boolean =>
  !isDangerousVariable(variable) && (isHarmlessVariable(variable) || pattern.variables.has(variable));

/**
 * Whether the pattern might describe the command, with other words in between: enough to refuse it or to ask. Of a program that runs
 * whatever it is given (`sudo`, `ssh`), what it is given is looked at too.
 */
export function mayBeCommand(pattern: CommandPattern, command: SimpleCommand, budget: Budget): boolean {
  if (mayBeSpelled(pattern, command, budget)) {
    return true;
  }
  if (!isLauncher(command.words[0]?.value ?? "")) {
    return false;
  }
  const given = command.words.slice(1).flatMap(splitWord);
  return given.some((_, from) => mayBeSpelled(pattern, { ...command, words: given.slice(from) }, budget));
}

/** A text given as one word, `ssh host 'git push'`, as the words it holds. */
const splitWord = (word: ShellWord): ShellWord[] =>
  word.value === null
    ? [word]
    : word.value
        .split(/[\s;|&(){}<>]+/)
        .filter((part) => part !== "")
        .map(literal);

function mayBeSpelled(pattern: CommandPattern, command: SimpleCommand, budget: Budget): boolean {
  const [name, ...further] = pattern.words;
  const called = command.words[0];
  if (name === undefined || called === undefined || !mayBeWord(name, basename(called), budget)) {
    return false;
  }
  let wanted = 0;
  for (const word of command.words.slice(1)) {
    const part = further[wanted];
    if (part !== undefined && mayBeWord(part, word, budget)) {
      wanted += 1;
    }
    if (word.value === null && word.canSplit) {
      return true;
    }
  }
  return wanted === further.length;
}

const basename = (word: ShellWord): ShellWord =>
  word.value === null ? word : { ...word, value: programOf(word.value) };

function mayBeWord(part: string, word: ShellWord, budget: Budget): boolean {
  budget.spend(1);
  return word.value === null || matchesWildcard(part.toLowerCase(), word.value.toLowerCase(), budget);
}
