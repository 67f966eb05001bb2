import { z } from "zod";
import type { TestPlan } from "../specialized/recipe.ts";

/** The files of one commit. */
export interface CommitFiles {
  readonly paths: readonly string[];
  /** Text of a file, null when there is none. */
  readonly read: (path: string) => Promise<string | null>;
}

export type DetectedPlan = Pick<TestPlan, "runner" | "setupCommand" | "testCommand" | "coverageCommand"> & {
  /** Text of the package's test script, for naming the runner behind `npm test`. */
  readonly testScript: string | null;
};

const packageSchema = z.object({
  scripts: z.record(z.string(), z.unknown()).catch({}),
  dependencies: z.record(z.string(), z.unknown()).catch({}),
  devDependencies: z.record(z.string(), z.unknown()).catch({}),
  optionalDependencies: z.record(z.string(), z.unknown()).catch({}),
  workspaces: z.unknown().optional(),
});

type PackageJson = z.infer<typeof packageSchema>;

/** What the files of a repository show about setting it up and testing it: npm packages first, then Python. */
export async function detectTestPlan(files: CommitFiles): Promise<DetectedPlan> {
  const node = await detectNode(files);
  if (node !== null && node.testCommand !== null) {
    return node;
  }
  const python = await detectPython(files);
  return {
    ...(python ?? node ?? nothing),
    setupCommand: node?.setupCommand ?? null,
  };
}

const nothing: DetectedPlan = {
  runner: "none",
  setupCommand: null,
  testCommand: null,
  coverageCommand: null,
  testScript: null,
};

async function detectNode(files: CommitFiles): Promise<DetectedPlan | null> {
  const text = await files.read("package.json");
  const manifest = text === null ? null : parsePackage(text);
  if (manifest === null) {
    return null;
  }
  const setupCommand = setupOf(manifest, files.paths);
  const script = manifest.scripts.test;
  // npm init writes a script that always fails; it is no test.
  if (typeof script !== "string" || script.trim() === "" || /no test specified/.test(script)) {
    const hasTests = files.paths.some((path) => /\.test\.[cm]?[jt]sx?$/.test(path));
    const configured = hasTests ? configuredRunner(manifest) : null;
    return { ...nothing, ...configured, setupCommand };
  }
  return {
    runner: runnerOfScript(script),
    setupCommand,
    testCommand: "npm test",
    coverageCommand: coverageOf(manifest, script),
    testScript: script,
  };
}

function parsePackage(text: string): PackageJson | null {
  try {
    const parsed = packageSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    // A broken package.json detects nothing; the project's own commands will say what is wrong with it.
    return null;
  }
}

const hasDependency = (manifest: PackageJson, name: string): boolean =>
  Object.hasOwn(manifest.dependencies, name) || Object.hasOwn(manifest.devDependencies, name);

/** `npm install` without a lock file must not leave one behind: it would look like the agent's work. */
function setupOf(manifest: PackageJson, paths: readonly string[]): string | null {
  const counts = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies];
  if (counts.every((group) => Object.keys(group).length === 0) && manifest.workspaces === undefined) {
    return null;
  }
  const isLocked = paths.includes("package-lock.json") || paths.includes("npm-shrinkwrap.json");
  return isLocked ? "npm ci --no-audit --no-fund" : "npm install --no-package-lock --no-audit --no-fund";
}

/** Tests without a script: the runner that is installed. */
function configuredRunner(manifest: PackageJson): Partial<DetectedPlan> | null {
  if (hasDependency(manifest, "vitest")) {
    return { runner: "vitest", testCommand: "npx --no-install vitest run" };
  }
  if (hasDependency(manifest, "jest")) {
    return { runner: "jest", testCommand: "npx --no-install jest" };
  }
  return { runner: "node:test", testCommand: "node --test" };
}

function runnerOfScript(script: string): TestPlan["runner"] {
  if (/(^|[\s;&|])node\b[^;&|]*\s--test(\s|$)/.test(script)) {
    return "node:test";
  }
  if (/\bvitest\b/.test(script)) {
    return "vitest";
  }
  if (/\bjest\b/.test(script)) {
    return "jest";
  }
  return /\bpytest\b/.test(script) ? "pytest" : "npm";
}

/** The runner behind a command that a person named. */
export function runnerOf(testCommand: string, detected: DetectedPlan): TestPlan["runner"] {
  if (/^npm (run )?(test|t)\b/.test(testCommand) && detected.testScript !== null) {
    return runnerOfScript(detected.testScript);
  }
  const runner = runnerOfScript(testCommand);
  return runner === "npm" && !/^npm\b/.test(testCommand) ? "command" : runner;
}

/** Known test runners are measured by the gate, which makes them write a report; only others need a script of their own. */
function coverageOf(manifest: PackageJson, script: string): string | null {
  if (runnerOfScript(script) !== "npm") {
    return null;
  }
  const name = ["coverage", "test:coverage"].find((script) => typeof manifest.scripts[script] === "string");
  return name === undefined ? null : `npm run ${name}`;
}

async function detectPython(files: CommitFiles): Promise<DetectedPlan | null> {
  const has = (path: string): boolean => files.paths.includes(path);
  const hasTests = files.paths.some((path) => /(^|\/)(test_[^/]+|[^/]+_test)\.py$/.test(path));
  const project = (await files.read("pyproject.toml")) ?? "";
  const setup = (await files.read("setup.cfg")) ?? "";
  const isConfigured =
    has("pytest.ini") ||
    has("conftest.py") ||
    project.includes("[tool.pytest") ||
    setup.includes("[tool:pytest]");
  if (!isConfigured && !hasTests) {
    return null;
  }
  return { ...nothing, runner: "pytest", testCommand: "python3 -m pytest" };
}
