// Rules about files as such, which no linter covers: how long they may be, how they may be called, and that they say
// nothing about the machine they were written on.
//
// When: part of `npm run check`.
// How: `npx tsx scripts/repository-rules.ts`
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { listRepositoryFiles, repositoryRoot } from "./repository-files.ts";

const linesMax = 400;
const testLinesMax = 600;

const isCode = (path: string) => /\.(ts|tsx|js|mjs|cjs)$/.test(path) && !path.startsWith("samples/");
const isTest = (path: string) => /\.(test|e2e)\.tsx?$/.test(path);
const isExemptFromLength = (path: string) =>
  /^backend\/src\/database\/schema\//.test(path) ||
  /(^|\/)generated\//.test(path) ||
  /\.generated\.ts$/.test(path);

/** A complaint when a code file is too long to be read in one go. */
export function lengthProblem(path: string, text: string): string | undefined {
  if (!isCode(path) || isExemptFromLength(path)) return undefined;
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const allowed = isTest(path) ? testLinesMax : linesMax;
  return lines > allowed ? `${path}: ${lines} lines, ${allowed} allowed: split it` : undefined;
}

const emptyNames = new Set(["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"]);

/** A complaint when a file or folder is called by a word that says nothing about what it holds. */
export function nameProblem(path: string): string | undefined {
  if (!isCode(path)) return undefined;
  const word = path.split(/[/.-]/).find((part) => emptyNames.has(part.toLowerCase()));
  return word === undefined ? undefined : `${path}: "${word}" says nothing, name it after what it holds`;
}

// Written so that this file does not match itself.
const strangers: [RegExp, string][] = [
  [/(?<![\w.-])\/work\//, "a path of one machine"],
  [
    /(?<![\w.-])\/(?:Users|home)\/(?!agentvine\b|user\b|someone\b|<)[a-z][\w.-]*\/(?:src|code|projects)\//,
    "a path of one machine",
  ],
  [
    /https?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio)[\w.-]*[:/]/i,
    "the host name of a package registry",
  ],
  [/\b(?:DESIGN|reliability|stack|seed|acp|rivals)\.md\b/, "a document that is not in the repository"],
  [/^(?:<{7} |>{7} )/m, "an unresolved merge conflict"],
];

/** A complaint for each thing in the text that does not belong to the project. */
export function contentProblems(path: string, text: string): string[] {
  return strangers.flatMap(([pattern, what]) => {
    const match = pattern.exec(text);
    if (match === null) return [];
    const line = text.slice(0, match.index).split("\n").length;
    return [`${path}:${line}: ${what}: ${JSON.stringify(match[0])}`];
  });
}

/** Every complaint about the tree at `root`, one line each. */
export function repositoryProblems(root: string = repositoryRoot): string[] {
  return listRepositoryFiles(root).flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    if (text.includes("\0")) return [];
    const problems = [lengthProblem(path, text), nameProblem(path), ...contentProblems(path, text)];
    return problems.filter((problem) => problem !== undefined);
  });
}

function run(): number {
  const problems = repositoryProblems();
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = run();
