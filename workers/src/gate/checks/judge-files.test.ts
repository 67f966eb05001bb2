import type { FileChange } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { testCommandOf } from "../test-runners/run-tests.ts";
import { nodeTestPlan } from "../testing/gate-fixture.ts";
import { memorySandbox } from "../testing/memory-sandbox.ts";
import { findTampering, restoreJudge } from "./judge-files.ts";
import { parsePackageFile, scriptsOf } from "./package-file.ts";

const signal = new AbortController().signal;

type Files = Readonly<Record<string, string>>;

async function tamper(base: Files, result: Files, line = "npm test") {
  const [before, after] = [memorySandbox(base), memorySandbox(result)];
  const paths = [...new Set([...Object.keys(base), ...Object.keys(result)])];
  const files: FileChange[] = paths
    .filter((path) => base[path] !== result[path])
    .map((path) => ({
      path,
      status: base[path] === undefined ? "added" : result[path] === undefined ? "deleted" : "modified",
      additions: 1,
      deletions: 0,
    }));
  const scripts = scriptsOf(parsePackageFile(base["package.json"] ?? ""));
  const testCommand = testCommandOf({ ...nodeTestPlan, runner: "command" }, line, scripts);
  const found = await findTampering({ base: before, result: after, files, testCommand });
  await restoreJudge(after, found, signal);
  return { changes: found.map(({ path, change }) => `${path}: ${change}`), after };
}

const manifest = (value: unknown): Files => ({ "package.json": JSON.stringify(value) });
const vitestBase = { scripts: { test: "vitest run" }, devDependencies: { vitest: "4.0.0" } };

describe("what decides how the tests are run", () => {
  it("may change in everything else: dependencies, other scripts, code", async () => {
    const { changes } = await tamper(
      { ...manifest(vitestBase), "src/a.js": "1" },
      {
        ...manifest({
          ...vitestBase,
          scripts: { test: "vitest run", lint: "x" },
          dependencies: { left: "1" },
        }),
        "src/a.js": "2",
        "docs/vitest.md": "",
      },
    );
    expect(changes).toEqual([]);
  });

  it.each([
    [
      "a script the test script calls",
      { scripts: { test: "npm run unit", unit: "vitest" } },
      { scripts: { test: "npm run unit", unit: "true" } },
      'the script "unit" was changed from "vitest" to "true"',
    ],
    [
      "the script itself removed",
      vitestBase,
      { ...vitestBase, scripts: {} },
      'the script "test" was removed',
    ],
    [
      "the runner's version",
      vitestBase,
      { ...vitestBase, devDependencies: { vitest: "file:./fake" } },
      "vitest was changed from 4.0.0 to file:./fake",
    ],
    [
      "the runner removed",
      vitestBase,
      { ...vitestBase, devDependencies: {} },
      "vitest was changed from 4.0.0 to nothing",
    ],
    [
      "the runner's configuration",
      { scripts: { test: "jest" } },
      { scripts: { test: "jest" }, jest: { testMatch: [] } },
      'the configuration "jest" was changed',
    ],
  ])("covers %s", async (_what, base, result, change) => {
    const { changes, after } = await tamper(manifest(base), manifest(result));
    expect(changes).toEqual([`package.json: ${change}`]);
    const judged = JSON.parse(after.files.get("package.json") ?? "{}");
    expect(judged.scripts).toEqual(base.scripts);
  });

  it("shortens long scripts in the reason", async () => {
    const { changes } = await tamper(
      manifest(vitestBase),
      manifest({ ...vitestBase, scripts: { test: "x".repeat(900) } }),
    );
    expect(changes[0]?.length).toBeLessThan(300);
  });

  it("covers a package.json that was broken or removed, and keeps the base's", async () => {
    const broken = await tamper(manifest(vitestBase), { "package.json": "{" });
    expect(broken.changes).toEqual(["package.json: it is no valid JSON any more"]);
    expect(broken.after.files.get("package.json")).toBe(manifest(vitestBase)["package.json"]);
    const removed = await tamper(manifest(vitestBase), {});
    expect(removed.changes).toEqual(["package.json: the file was removed"]);
    expect(removed.after.files.has("package.json")).toBe(true);
  });

  it("covers the test scripts of a workspace's packages, but not a new package", async () => {
    const nested = (script: string) => ({
      "packages/a/package.json": JSON.stringify({ scripts: { test: script } }),
    });
    const root = manifest({ scripts: { test: "npm test --workspaces" } });
    expect(
      (await tamper({ ...root, ...nested("node --test") }, { ...root, ...nested("true") })).changes,
    ).toEqual(['packages/a/package.json: the script "test" was changed from "node --test" to "true"']);
    expect((await tamper(root, { ...root, ...nested("node --test") })).changes).toEqual([]);
  });

  it.each([
    ["npm test", manifest(vitestBase), "vite.config.ts"],
    ["npm test", manifest(vitestBase), "vitest.workspace.json"],
    ["npx jest", {}, "jest.config.js"],
    ["pytest", {}, "pytest.ini"],
    ["node --test", {}, "node.config.json"],
    ["mocha", {}, ".mocharc.json"],
    ["make test", {}, "Makefile"],
    ["just test", {}, "justfile"],
    ["tox -q", {}, "tox.ini"],
    ["nox", {}, "noxfile.py"],
    ["sh ./scripts/check.sh --all", {}, "scripts/check.sh"],
    ["node --test", {}, ".npmrc"],
  ])("of %j (base %j) covers %s", async (line, base, path) => {
    const changed = await tamper({ ...base, [path]: "old" }, { ...base, [path]: "new" }, line);
    expect(changed.changes).toEqual([`${path}: it was modified and decides how the tests are run`]);
    expect(changed.after.files.get(path)).toBe("old");
    const added = await tamper(base, { ...base, [path]: "new" }, line);
    expect(added.changes).toEqual([`${path}: it was added and changes how the tests are run`]);
    expect(added.after.commands.at(-1)?.argv).toEqual(["rm", "-f", "--", path]);
  });

  it("leaves a test file alone that the command names", async () => {
    const { changes } = await tamper({ "test/all.js": "1" }, { "test/all.js": "2" }, "node test/all.js");
    expect(changes).toEqual([]);
  });

  it("covers only pytest's section of files that hold more", async () => {
    const project = (version: string, options: string) =>
      `[project]\nversion = "${version}"\n\n[tool.pytest.ini_options]\naddopts = "${options}"\n\n[tool.black]\nline = 1\n`;
    const setup = (options: string) => `[metadata]\nname = cart\n[tool:pytest]\naddopts = ${options}\n`;
    expect(
      (
        await tamper(
          { "pyproject.toml": project("1", "-q") },
          { "pyproject.toml": project("2", "-q") },
          "pytest",
        )
      ).changes,
    ).toEqual([]);
    expect(
      (
        await tamper(
          { "pyproject.toml": project("1", "-q"), "setup.cfg": setup("-q") },
          { "pyproject.toml": project("1", "-k x"), "setup.cfg": setup("-k x") },
          "pytest",
        )
      ).changes,
    ).toEqual([
      "pyproject.toml: the section that configures pytest was changed",
      "setup.cfg: the section that configures pytest was changed",
    ]);
  });
});
