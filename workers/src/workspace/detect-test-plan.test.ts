import { describe, expect, it } from "vitest";
import { detectTestPlan, runnerOf } from "./detect-test-plan.ts";

const detect = (files: Record<string, string>) =>
  detectTestPlan({ paths: Object.keys(files), read: async (path) => files[path] ?? null });
const npm = (manifest: object, more: Record<string, string> = {}) =>
  detect({ "package.json": JSON.stringify(manifest), ...more });

describe("npm packages", () => {
  it.each([
    ["node --test", "node:test"],
    ["node --import tsx --test test/*.js", "node:test"],
    ["npm run build && node --test", "node:test"],
    ["vitest run", "vitest"],
    ["NODE_ENV=test jest --ci", "jest"],
    ["mocha", "npm"],
    ["pytest", "pytest"],
  ])("with the script %j use %s", async (test, runner) => {
    expect(await npm({ scripts: { test } })).toMatchObject({
      runner,
      testCommand: "npm test",
      setupCommand: null,
    });
  });

  it("leave coverage to the gate when it knows the runner, else to a script of their own", async () => {
    const coverageOf = async (scripts: object) => (await npm({ scripts })).coverageCommand;
    expect(await coverageOf({ test: "node --test", coverage: "c8 npm test" })).toBeNull();
    expect(await coverageOf({ test: "mocha", "test:coverage": "c8 -r lcov mocha" })).toBe(
      "npm run test:coverage",
    );
    expect(await coverageOf({ test: "mocha", coverage: "c8 -r lcov mocha" })).toBe("npm run coverage");
    expect(await coverageOf({ test: "mocha" })).toBeNull();
  });

  it("are set up from their lock file, or without leaving one behind", async () => {
    const manifest = { dependencies: { a: "1" }, scripts: { test: "node --test" } };
    expect((await npm(manifest, { "package-lock.json": "{}" })).setupCommand).toBe(
      "npm ci --no-audit --no-fund",
    );
    expect((await npm(manifest)).setupCommand).toBe("npm install --no-package-lock --no-audit --no-fund");
    expect((await npm({ workspaces: ["a"] })).setupCommand).not.toBeNull();
  });

  it("without a test script are tested by what is installed, if there are tests", async () => {
    const tests = { "a.test.js": "" };
    expect(await npm({}, tests)).toMatchObject({ runner: "node:test", testCommand: "node --test" });
    expect(await npm({ devDependencies: { vitest: "4" } }, tests)).toMatchObject({ runner: "vitest" });
    expect(await npm({ devDependencies: { jest: "30" } }, tests)).toMatchObject({ runner: "jest" });
    const placeholder = { scripts: { test: 'echo "Error: no test specified" && exit 1' } };
    expect(await npm(placeholder)).toMatchObject({ runner: "none", testCommand: null });
  });

  it("that are broken detect nothing", async () => {
    expect(await detect({ "package.json": "{" })).toMatchObject({ runner: "none" });
    expect(await detect({ "package.json": "[]" })).toMatchObject({ runner: "none" });
  });
});

describe("Python projects", () => {
  it.each<Record<string, string>>([
    { "pytest.ini": "" },
    { "pyproject.toml": "[tool.pytest.ini_options]\n" },
    { "setup.cfg": "[tool:pytest]\n" },
    { "tests/test_a.py": "" },
    { "a_test.py": "" },
  ])("are tested by pytest: %j", async (files) => {
    expect(await detect(files)).toMatchObject({
      runner: "pytest",
      testCommand: "python3 -m pytest",
      coverageCommand: null,
    });
  });

  it("may stand beside an npm package without tests, which is still set up", async () => {
    expect(await npm({ dependencies: { a: "1" } }, { "test_a.py": "" })).toMatchObject({
      runner: "pytest",
      setupCommand: expect.stringContaining("npm install"),
    });
  });

  it("without tests detect nothing", async () => {
    expect(await detect({ "main.py": "" })).toMatchObject({ runner: "none", testCommand: null });
  });
});

describe("a command that somebody named", () => {
  it("is told by what it calls", async () => {
    const none = await detect({});
    expect(runnerOf("npx jest", none)).toBe("jest");
    expect(runnerOf("node --test", none)).toBe("node:test");
    expect(runnerOf("make test", none)).toBe("command");
    expect(runnerOf("npm test", none)).toBe("npm");
    expect(runnerOf("npm test", await npm({ scripts: { test: "vitest" } }))).toBe("vitest");
  });
});
