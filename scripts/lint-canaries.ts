// Proves that the lint rules we rely on are on and see what they must see.
//
// What: plants one violation per rule into a copy of the sources and expects Biome and oxlint to name each. The promise
//   rules are planted in a source file and in a test file, with a promise that comes from another workspace package:
//   when its types cannot be found it is silently `any`, and the rules say nothing.
// When: part of `npm run check`.
// How: `npx tsx scripts/lint-canaries.ts`
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { copySources, plant } from "./canary-copy.ts";
import { repositoryRoot } from "./repository-files.ts";

interface LintCanary {
  /** The rule's name as the tool prints it. */
  rule: string;
  path: string;
  text: string;
}

const branches = Array.from({ length: 16 }, (_, index) => `  if (input === ${index}) return ${index};`).join(
  "\n",
);
const lines = Array.from({ length: 81 }, (_, index) => `  count += ${index};`).join("\n");

export const biomeCanaries: LintCanary[] = [
  { rule: "useFilenamingConvention", path: "canaryName.ts", text: "export const canary = 1;\n" },
  {
    rule: "noNonNullAssertion",
    path: "canary-assertion.ts",
    text: "export const canary = (text: string | undefined) => text!.length;\n",
  },
  { rule: "noDefaultExport", path: "canary-default.ts", text: "const canary = 1;\nexport default canary;\n" },
  { rule: "noProcessEnv", path: "canary-environment.ts", text: "export const canary = process.env.HOME;\n" },
  {
    rule: "noExplicitAny",
    path: "canary-any.ts",
    text: "export const canary = (input: any): unknown => input;\n",
  },
  { rule: "noConsole", path: "canary-console.ts", text: 'console.log("canary");\n' },
  {
    rule: "useImportType",
    path: "canary-import-type.ts",
    text: 'import { Buffer } from "node:buffer";\nexport const canary = (input: Buffer): number => input.length;\n',
  },
  {
    rule: "noUnusedImports",
    path: "canary-import.ts",
    text: 'import { join } from "node:path";\nexport const canary = 1;\n',
  },
  { rule: "noUnusedVariables", path: "canary-variable.ts", text: "const canary = 1;\nexport {};\n" },
  {
    rule: "noExcessiveCognitiveComplexity",
    path: "canary-complexity.ts",
    text: `export function canary(input: number): number {\n${branches}\n  return -1;\n}\n`,
  },
  {
    rule: "noExcessiveLinesPerFunction",
    path: "canary-lines.ts",
    text: `export function canary(): number {\n  let count = 0;\n${lines}\n  return count;\n}\n`,
  },
];

const nap = 'import { sleep } from "@agentvine/kit";\n';
const thenable = "const later: PromiseLike<number> = { then: () => later as never };\n";

/** Planted twice, as a source file and as a test file. */
export const promiseCanaries: LintCanary[] = [
  { rule: "no-floating-promises", path: "canary-floating", text: `${nap}sleep(1);\n` },
  {
    rule: "no-floating-promises",
    path: "canary-thenable",
    text: `${thenable}export const wait = () => later;\nwait();\n`,
  },
  { rule: "no-misused-promises", path: "canary-misused", text: `${nap}if (sleep(1)) throw new Error();\n` },
  { rule: "await-thenable", path: "canary-await", text: "export const canary = await Math.max(1, 2);\n" },
];

const folder = "workers/src";

/** Every rule that missed its canary, one line each; empty when all bite. */
export function plantAndLint(copy: string): string[] {
  const promises = promiseCanaries.flatMap((canary) =>
    [".ts", ".test.ts"].map((suffix) => ({ ...canary, path: canary.path + suffix })),
  );
  for (const { path, text } of [...biomeCanaries, ...promises]) plant(copy, { [`${folder}/${path}`]: text });
  return [...missed(biomeCanaries, biomeFindings(copy)), ...missed(promises, oxlintFindings(copy, promises))];
}

function missed(canaries: LintCanary[], findings: string[]): string[] {
  return canaries
    .filter(({ rule, path }) => !findings.includes(`${folder}/${path} ${rule}`))
    .map(({ rule, path }) => `rule ${rule} did not catch ${folder}/${path}`);
}

function biomeFindings(copy: string): string[] {
  const argv = ["lint", "--vcs-enabled=false", "--max-diagnostics=none", "--reporter=json", folder];
  const { diagnostics } = JSON.parse(lint(copy, "biome", argv)) as {
    diagnostics: { category: string; location: { path: string } }[];
  };
  return diagnostics.map(({ category, location }) => `${location.path} ${category.split("/").at(-1)}`);
}

function oxlintFindings(copy: string, canaries: LintCanary[]): string[] {
  const paths = canaries.map(({ path }) => `${folder}/${path}`);
  const { diagnostics } = JSON.parse(lint(copy, "oxlint", ["--type-aware", "--format=json", ...paths])) as {
    diagnostics: { code: string; filename: string }[];
  };
  return diagnostics.map(({ code, filename }) => `${filename} ${/\((.*)\)/.exec(code)?.[1] ?? code}`);
}

function lint(copy: string, command: string, argv: string[]): string {
  const binary = join(repositoryRoot, "node_modules/.bin", command);
  const { stdout, stderr, error } = spawnSync(binary, argv, {
    cwd: copy,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  if (stdout === "") throw new Error(`${command} said nothing: ${stderr}`);
  return stdout;
}

function run(): number {
  const copy = copySources();
  try {
    const problems = plantAndLint(copy);
    for (const problem of problems) console.error(problem);
    if (problems.length === 0)
      console.log(`${biomeCanaries.length + 2 * promiseCanaries.length} canaries, all caught`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = run();
