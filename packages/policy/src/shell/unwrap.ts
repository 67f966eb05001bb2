import {
  literal,
  NotUnderstood,
  programOf,
  type ShellWord,
  type SimpleCommand,
  unknownWord,
} from "./shell-line.ts";
import { isHarmlessVariable } from "./variables.ts";

/** What a command runs in turn. */
export interface Unwrapped {
  readonly commands: readonly SimpleCommand[];
  /** Shell texts it runs. */
  readonly scripts: readonly string[];
  /** True when it does nothing but run these. */
  readonly isWrapper: boolean;
  readonly isFolderChanged: boolean;
}

const plain: Unwrapped = { commands: [], scripts: [], isWrapper: false, isFolderChanged: false };
const runs = (command: SimpleCommand): Unwrapped => ({ ...plain, commands: [command], isWrapper: true });

/** Change what the rest of the line means, or run what can't be seen in it. */
const unclear = new Set(
  (
    ". source alias unalias builtin enable hash export declare typeset readonly local set shopt unset trap bind complete compgen " +
    "compopt mapfile readarray read getopts let coproc fc history umask ulimit hostname suspend dirs caller"
  ).split(" "),
);
const folderChangers = new Set(["cd", "pushd", "popd"]);
const shells = new Set("sh bash dash ash ksh mksh rbash zsh fish csh tcsh pwsh".split(" "));
/** Of these the text after -c is read like the line itself. */
const readableShells = new Set(["sh", "bash", "dash"]);
/** Run what they are fed when no file is named. */
const interpreters = new Set(
  "node nodejs deno bun python python2 python3 perl ruby php lua tclsh irb ghci psql sqlite3 mysql".split(
    " ",
  ),
);

/** The values of the words, as long as they are known and options of the kind given. */
function skipOptions(words: readonly ShellWord[], takes: (option: string) => number): readonly ShellWord[] {
  let at = 0;
  while (at < words.length) {
    const value = words[at]?.value ?? null;
    if (value === null || !value.startsWith("-")) {
      return words.slice(at);
    }
    if (value === "--") {
      return words.slice(at + 1);
    }
    const taken = takes(value);
    if (taken === 0) {
      throw new NotUnderstood(`option ${value} of a command that runs another one`);
    }
    at += taken;
  }
  return [];
}

const noOptions = (): number => 0;

/** Patterns of options: those that stand alone, and those followed by a value. */
const options = (alone: RegExp | undefined, withValue?: RegExp) => (option: string) =>
  alone?.test(option) === true ? 1 : withValue?.test(option) === true ? 2 : 0;

type Reading = (rest: readonly ShellWord[], command: SimpleCommand) => Unwrapped;

/** A wrapper that runs what comes after its options. */
const passesOn =
  (takes: (option: string) => number, skipped = 0): Reading =>
  (rest, command) => {
    const words = skipOptions(rest, takes);
    if (words.slice(0, skipped).some(({ value }) => value === null || !/^[\d.]+[a-z]?$/.test(value))) {
      throw new NotUnderstood("a command that runs another one has a value that can't be read");
    }
    const inner = words.slice(skipped);
    if (inner.length === 0) {
      throw new NotUnderstood("a command that runs another one names none");
    }
    return runs({ words: inner, variables: command.variables });
  };

const readCommand: Reading = (rest, command) =>
  /^-[vV]$/.test(rest[0]?.value ?? "") ? plain : passesOn(noOptions)(rest, command);

const readEnv: Reading = (rest, command) => {
  const words = skipOptions(rest, noOptions);
  const isAssignment = ({ prefix }: ShellWord): boolean => /^[A-Za-z_][A-Za-z0-9_]*=/.test(prefix);
  const end = words.findIndex((word) => !isAssignment(word));
  const assigned = end === -1 ? words : words.slice(0, end);
  if (assigned.some(({ canSplit }) => canSplit)) {
    throw new NotUnderstood("env is given variables that can't be read");
  }
  const names = assigned.map(({ prefix }) => prefix.slice(0, prefix.indexOf("=")));
  const variables = [...command.variables, ...names];
  return end === -1 ? plain : runs({ words: words.slice(end), variables });
};

const xargsOptions = options(
  /^(-0|-r|-t|-x|--null|--no-run-if-empty|--verbose|-[nPL]\d+|-I.+)$/,
  /^(-[nPLI])$/,
);

const readXargs: Reading = (rest, command) => {
  const inner = skipOptions(rest, xargsOptions);
  const own = rest.slice(0, rest.length - inner.length);
  const hasOption = (pattern: RegExp) => (word: ShellWord) => pattern.test(word.value ?? "");
  const at = own.findIndex(hasOption(/^-I/));
  // Of several the last counts, and none beside which lines or words are counted: what is filled in then depends on the order.
  if (at !== -1 && (own.filter(hasOption(/^-I/)).length > 1 || own.some(hasOption(/^-[nL]/)))) {
    throw new NotUnderstood("xargs is given options that exclude each other");
  }
  const attached = own[at]?.value?.slice(2);
  const mark = at === -1 ? undefined : attached === "" ? own[at + 1]?.value : attached;
  const program = inner.length === 0 ? [literal("echo")] : inner;
  if (mark === undefined || mark === null || mark === "") {
    return runs({ words: [...program, unknownWord], variables: command.variables });
  }
  return runs({ words: program.map((word) => filledIn(word, mark)), variables: command.variables });
};

const filledIn = (word: ShellWord, mark: string): ShellWord =>
  word.value?.includes(mark) === true ? { ...unknownWord, canSplit: false } : word;

const findRuns = /^-(exec|execdir|ok|okdir)$/;

const readFind: Reading = (rest) => {
  const commands: SimpleCommand[] = [];
  for (let at = 0; at < rest.length; at += 1) {
    if (!findRuns.test(rest[at]?.value ?? "")) {
      continue;
    }
    const end = rest.findIndex(({ value }, index) => index > at && (value === ";" || value === "+"));
    if (end <= at + 1) {
      throw new NotUnderstood("find runs a command that can't be read");
    }
    const words = rest.slice(at + 1, end).map((word) => filledIn(word, "{}"));
    commands.push({ words, variables: [] });
    at = end;
  }
  return { ...plain, commands };
};

const shellFlags = /^(-[eux]+|--norc|--noprofile|--posix)$/;

const readShell: Reading = (rest, command) => {
  const name = programOf(command.words[0]?.value ?? "");
  let at = 0;
  while (shellFlags.test(rest[at]?.value ?? "")) {
    at += 1;
  }
  const value = rest[at]?.value ?? null;
  if (value !== null && /^-[eux]*c$/.test(value)) {
    const text = rest[at + 1]?.value ?? null;
    if (text === null || !readableShells.has(name)) {
      throw new NotUnderstood(`${name} runs a text that can't be read`);
    }
    return { ...plain, scripts: [text], isWrapper: true };
  }
  if (value === null || value === "" || /^[-+]|^\/(dev|proc)\//.test(value)) {
    throw new NotUnderstood(`${name} runs what it is fed`);
  }
  return plain;
};

const readEval: Reading = (rest) => {
  const texts = rest.map(({ value }) => value);
  if (texts.includes(null)) {
    throw new NotUnderstood("eval runs a text that can't be read");
  }
  return { ...plain, scripts: [texts.join(" ")], isWrapper: true };
};

const needsNoFile = /^(-v|-V|--version|-h|--help|--test)$/;

const readInterpreter: Reading = (rest, command) => {
  const values = rest.map(({ value }) => value);
  const isFed = values.every((value) => value?.startsWith("-") === true && !needsNoFile.test(value));
  if (isFed || values.some((value) => value === "-" || value?.startsWith("/dev/") === true)) {
    throw new NotUnderstood(`${command.words[0]?.value ?? "it"} runs what it is fed`);
  }
  return plain;
};

const refusesOption =
  (option: string, reason: string): Reading =>
  (rest) => {
    if (
      rest.some(
        ({ value, prefix }) => value?.startsWith(option) === true || (value === null && prefix === ""),
      )
    ) {
      throw new NotUnderstood(reason);
    }
    return plain;
  };

const readings: Readonly<Record<string, Reading>> = {
  command: readCommand,
  env: readEnv,
  eval: readEval,
  exec: passesOn(noOptions),
  find: readFind,
  nice: passesOn(options(/^-n?-?\d+$|^--adjustment=-?\d+$/, /^-n$/)),
  nohup: passesOn(noOptions),
  printf: refusesOption("-v", "printf sets a variable"),
  setsid: passesOn(options(/^-[wf]$|^--(wait|fork)$/)),
  stdbuf: passesOn(options(/^-[ioe][0L]$/, /^-[ioe]$/)),
  test: refusesOption("-v", "a test may run commands while it looks at a variable"),
  "[": refusesOption("-v", "a test may run commands while it looks at a variable"),
  time: passesOn(options(/^-p$/)),
  timeout: passesOn(
    options(/^(--foreground|--preserve-status|-v|--verbose|--(signal|kill-after)=\w+|-[ks]\w+)$/, /^-[ks]$/),
    1,
  ),
  wait: refusesOption("-p", "wait sets a variable"),
  xargs: readXargs,
};

const readingOf = (program: string): Reading | undefined =>
  Object.hasOwn(readings, program)
    ? readings[program]
    : shells.has(program)
      ? readShell
      : interpreters.has(program)
        ? readInterpreter
        : undefined;

/** Whether a wrapper may do something else besides: as another program of its name, or by variables that a shell reads itself. */
const mayDoMore = ({ variables }: SimpleCommand, name: string, { scripts }: Unwrapped): boolean =>
  name.includes("/") || (scripts.length > 0 && !variables.every(isHarmlessVariable));

/**
 * What the command runs in turn. A wrapper that may do more than that is judged besides what it is given to run.
 * @throws NotUnderstood when only the shell could tell
 */
export function unwrap(command: SimpleCommand): Unwrapped {
  const name = command.words[0]?.value ?? null;
  if (name === null || name === "" || name.startsWith("~")) {
    throw new NotUnderstood("the name of a command is not known before it runs");
  }
  const rest = command.words.slice(1);
  if (unclear.has(name)) {
    throw new NotUnderstood(`${name} may change what the rest of the line does`);
  }
  if (folderChangers.has(name)) {
    return { ...plain, isFolderChanged: true };
  }
  const read = readingOf(programOf(name))?.(rest, command) ?? plain;
  return mayDoMore(command, name, read) ? { ...read, isWrapper: false } : read;
}
