import type { FileChange } from "@agentvine/contracts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { askSandbox } from "../gate-command.ts";
import type { TestCommand } from "../test-runners/run-tests.ts";
import type { TestRunner } from "../test-runners/test-runner.ts";
import { isTestFile } from "./file-kinds.ts";
import { type PackageFile, parsePackageFile, scriptsOf } from "./package-file.ts";
import { readText } from "./read-text.ts";

/** A change that would make the agent its own judge. */
export interface Tampering {
  readonly path: string;
  /** What changed, for people. */
  readonly change: string;
  /** The content that judging uses instead: the base's. Null: the file is taken away. */
  readonly judged: string | null;
}

export interface JudgeInput {
  readonly base: Sandbox;
  readonly result: Sandbox;
  readonly files: readonly FileChange[];
  readonly testCommand: TestCommand;
}

const short = (text: string): string => JSON.stringify(text.length > 120 ? `${text.slice(0, 119)}…` : text);

function scriptChanges(base: PackageFile, result: PackageFile, names: readonly string[]): string[] {
  const before = scriptsOf(base);
  const after = scriptsOf(result);
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => {
      const [was, is] = [before[name], after[name]];
      if (was === undefined) {
        return `the script ${short(name)} was added: ${short(is ?? "")}`;
      }
      return is === undefined
        ? `the script ${short(name)} was removed`
        : `the script ${short(name)} was changed from ${short(was)} to ${short(is)}`;
    });
}

function configurationChanges(base: PackageFile, result: PackageFile, runner: TestRunner): string[] {
  const keys = runner.packageKeys.filter((key) => JSON.stringify(base[key]) !== JSON.stringify(result[key]));
  const versions = (file: PackageFile) => ({ ...file.dependencies, ...file.devDependencies });
  const [before, after] = [versions(base), versions(result)];
  const packages = Object.keys(before).filter(
    (name) => runner.packages.test(name) && before[name] !== after[name],
  );
  return [
    ...keys.map((key) => `the configuration ${short(key)} was changed`),
    ...packages.map((name) => `${name} was changed from ${before[name]} to ${after[name] ?? "nothing"}`),
  ];
}

/** Scripts that start tests in a package of a workspace, where the way of the command can't be followed. */
const testScripts = (file: PackageFile): string[] =>
  Object.keys(scriptsOf(file)).filter((name) => /^(?:pre|post)?test(?:$|[:.-])/.test(name));

function judgedPackage(
  base: PackageFile,
  result: PackageFile,
  names: readonly string[],
  runner: TestRunner,
): string {
  const scripts: Record<string, string> = { ...scriptsOf(result) };
  for (const name of names) {
    const before = scriptsOf(base)[name];
    if (before === undefined) {
      delete scripts[name];
    } else {
      scripts[name] = before;
    }
  }
  const configuration = Object.fromEntries(runner.packageKeys.map((key) => [key, base[key]]));
  return `${JSON.stringify({ ...result, ...configuration, scripts }, null, 2)}\n`;
}

async function packageTampering(path: string, input: JudgeInput): Promise<Tampering | null> {
  const baseText = await readText(input.base, path);
  const resultText = await readText(input.result, path);
  const base = parsePackageFile(baseText ?? "{}") ?? {};
  if (resultText === null) {
    return baseText === null ? null : { path, change: "the file was removed", judged: baseText };
  }
  const result = parsePackageFile(resultText);
  if (result === null) {
    return { path, change: "it is no valid JSON any more", judged: baseText };
  }
  const { resolved, runner } = input.testCommand;
  const names =
    path === "package.json"
      ? resolved.scripts
      : [...new Set([...testScripts(base), ...(baseText === null ? [] : testScripts(result))])];
  const changes = [...scriptChanges(base, result, names), ...configurationChanges(base, result, runner)];
  return changes.length === 0
    ? null
    : { path, change: changes.join("; "), judged: judgedPackage(base, result, names, runner) };
}

const sections: readonly [RegExp, RegExp][] = [
  [/(?:^|\/)pyproject\.toml$/, /^\[tool\.pytest[^\]]*\]$([\s\S]*?)(?=^\[|$(?![\s\S]))/gm],
  [/(?:^|\/)setup\.cfg$/, /^\[tool:pytest\]$([\s\S]*?)(?=^\[|$(?![\s\S]))/gm],
];

const sectionOf = (text: string | null, pattern: RegExp): string =>
  [...(text ?? "").matchAll(pattern)].map((found) => found[0].trim()).join("\n");

/** In files that hold much else, only the section about tests belongs to the judge. */
async function sectionTampering(path: string, pattern: RegExp, input: JudgeInput): Promise<Tampering | null> {
  const base = await readText(input.base, path);
  const result = await readText(input.result, path);
  return sectionOf(base, pattern) === sectionOf(result, pattern)
    ? null
    : { path, change: "the section that configures pytest was changed", judged: base };
}

/** Files that the test command and its scripts name: `sh scripts/test.sh` makes that script part of the judge. */
function isNamedByCommand(path: string, testCommand: TestCommand): boolean {
  const words = testCommand.resolved.texts.flatMap((text) => text.split(/[\s;&|()'"=]+/));
  return !isTestFile(path) && words.some((word) => word.replace(/^\.\//, "") === path);
}

/** Files that a command reads without naming them, whatever runner it starts in the end. */
const readByCommands: readonly [RegExp, RegExp][] = [
  [/./s, /(?:^|\/)\.npmrc$/],
  [/(?:^|[\s;&|])make\b/, /(?:^|\/)(?:GNU)?[Mm]akefile$/],
  [/(?:^|[\s;&|])just\b/, /(?:^|\/)\.?justfile$/i],
  [/(?:^|[\s;&|])tox\b/, /(?:^|\/)tox\.ini$/],
  [/(?:^|[\s;&|])nox\b/, /(?:^|\/)noxfile\.py$/],
];

const isReadByCommand = (path: string, { resolved }: TestCommand): boolean =>
  readByCommands.some(
    ([command, file]) => file.test(path) && resolved.texts.some((text) => command.test(text)),
  );

const isJudge = (path: string, testCommand: TestCommand): boolean =>
  testCommand.runner.configFiles.test(path) ||
  isReadByCommand(path, testCommand) ||
  isNamedByCommand(path, testCommand);

async function tamperingOf(file: FileChange, input: JudgeInput): Promise<Tampering | null> {
  const { path } = file;
  if (path === "package.json" || path.endsWith("/package.json")) {
    return await packageTampering(path, input);
  }
  const section = sections.find(([name]) => name.test(path));
  if (section !== undefined) {
    return await sectionTampering(path, section[1], input);
  }
  if (!isJudge(path, input.testCommand)) {
    return null;
  }
  const judged = await readText(input.base, path);
  const change =
    judged === null
      ? "it was added and changes how the tests are run"
      : `it was ${file.status} and decides how the tests are run`;
  return { path, change, judged };
}

/** Finds every change to what decides how the tests are run. */
export async function findTampering(input: JudgeInput): Promise<Tampering[]> {
  const found: Tampering[] = [];
  for (const file of input.files) {
    const tampering = await tamperingOf(file, input);
    if (tampering !== null) {
      found.push(tampering);
    }
  }
  return found;
}

/** Puts the base's judge back into a checkout of the result. */
export async function restoreJudge(
  sandbox: Sandbox,
  tampering: readonly Tampering[],
  signal: AbortSignal,
): Promise<void> {
  for (const { path, judged } of tampering) {
    if (judged === null) {
      await askSandbox(sandbox, ["rm", "-f", "--", path], { signal });
    } else {
      await sandbox.writeFile(path, judged);
    }
  }
}
