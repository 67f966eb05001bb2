import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it, vi } from "vitest";
import { evidenceSummary } from "./index.ts";
import { brokenCart, cartManifest, cartTests, emptyTest, greenBase, sumTest } from "./testing/cart-sample.ts";
import { failedChecks, type GateCase, runGate } from "./testing/gate-fixture.ts";

// Each case makes a repository, clones it two or three times and runs test commands in them.
vi.setConfig({ testTimeout: 90_000 });

const temp = useTempDir();
const judge = (gateCase: Omit<GateCase, "type">) => runGate(temp(), { type: "feature", ...gateCase });

const withCount = `${brokenCart}export const count = (items) => items.length;\n`;
const countTests = `import assert from "node:assert/strict";
import { it } from "node:test";
import { count } from "../cart.js";
it("counts", () => assert.equal(count([1, 2]), 2));
`;
const feature = { "cart.js": withCount, "test/count.test.js": countTests };

describe("a feature is accepted", () => {
  it("when it comes with tests and nothing that passed fails", async () => {
    const { evidence, checkouts } = await judge({ base: greenBase, change: feature, round: 2 });
    expect(evidence).toMatchObject({
      verification: "passed",
      reason: "1 test added; 2 tests pass and nothing that passed at the base fails.",
      round: 2,
      tests: { added: ["test/count.test.js > counts"], result: { passed: 2 } },
    });
    expect(evidenceSummary(evidence)).toBe("1 test added");
    expect(checkouts).toEqual({ base: 1, result: 1, baseWith: 0 });
  });

  it("when it is the first code with tests of the repository", async () => {
    const { evidence } = await judge({
      base: { "package.json": cartManifest(), "cart.js": brokenCart },
      change: feature,
      plan: { testCommand: "npm test" },
    });
    expect(evidence).toMatchObject({
      verification: "passed",
      tests: { base: { passed: 0, failed: 0, skipped: 0 } },
    });
  });

  it("when tests moved to another file under the same names", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { ...feature, "test/cart.test.js": null, "test/totals.test.js": cartTests(sumTest) },
    });
    expect(evidence).toMatchObject({ verification: "passed", tests: { removed: [] } });
  });

  it("when the script names a reporter of its own", async () => {
    const { evidence } = await judge({
      base: { ...greenBase, "package.json": cartManifest("node --test --test-reporter=dot") },
      change: feature,
      plan: { testCommand: "npm test" },
    });
    expect(evidence).toMatchObject({ verification: "passed", tests: { base: { passed: 1 } } });
  });

  it("when a person allowed changes to the test setup", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { ...feature, "package.json": cartManifest("node --test --test-concurrency=1") },
      plan: { testCommand: "npm test" },
      context: { allowTestSetupChanges: true },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.checks).toContainEqual({
      name: "test command",
      status: "skipped",
      reason: expect.stringContaining("The task allows changes to the test setup"),
    });
  });
});

describe("a feature is refused", () => {
  it("when it has no tests", async () => {
    const { evidence } = await judge({ base: greenBase, change: { "cart.js": withCount } });
    expect(evidence.reason).toBe("No test was added or changed: add tests that show the new behaviour.");
  });

  it("when its tests are not run by the test command", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { "cart.js": withCount, "specs/count.spec.txt": "it counts\n" },
    });
    expect(evidence.reason).toBe("No test in specs/count.spec.txt is run by the test command.");
  });

  it("when its own test fails, in the test's words", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { ...feature, "cart.js": withCount.replace("items.length;\n", "items.length + 1;\n") },
    });
    expect(evidence.reason).toMatch(/^1 test fails: test\/count.test.js > counts \(Expected values/);
  });

  it("when the code can't be loaded any more", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { ...feature, "cart.js": "export const = 1;\n" },
    });
    expect(evidence.tests?.greenToRed).toEqual(["test/cart.test.js"]);
    expect(evidence.reason).toContain(
      "1 test that passed at the base fails now: test/cart.test.js, test/count.test.js (cart.js:1 export const = 1;",
    );
    expect(failedChecks(evidence)).not.toContain("tests kept");
  });

  it("when what the command does beside the tests fails", async () => {
    const lint = `import { readFileSync } from "node:fs";\nif (readFileSync("cart.js", "utf8").includes("count")) process.exit(2);\n`;
    const { evidence } = await judge({
      base: { ...greenBase, "package.json": cartManifest("node --test && node lint.js"), "lint.js": lint },
      change: feature,
      plan: { testCommand: "npm test" },
    });
    expect(evidence.reason).toBe(
      "The test command ended with exit code 2 although no single test is reported as failing.",
    );
  });
});

describe("a plain command, of which only the exit code is known", () => {
  const plan = { runner: "command", testCommand: "sh run.sh" } as const;
  const runScript = "for file in test/*.js; do node $file || exit 1; done\n";
  const oldTest = `const it = (name, body) => body();
it("adds", () => {});
it("subtracts", () => {});
`;
  const base = { "run.sh": runScript, "cart.cjs": "", "test/a.js": oldTest };

  it("accepts new tests", async () => {
    const { evidence } = await judge({ base, change: { "test/b.js": oldTest }, plan });
    expect(evidence).toMatchObject({ verification: "passed", tests: { runner: "command", result: null } });
    expect(evidence.reason).toBe(
      "Tests changed in test/b.js; the test command passes and nothing that passed at the base fails.",
    );
  });

  it.each([
    ["deleted", null, "1 test file of the base is gone: test/a.js."],
    ["emptied", " \n", "Test files were emptied: test/a.js."],
    [
      "thinned",
      oldTest.replace(/it\("subtracts.*\n/, ""),
      "Test files hold fewer tests than at the base: test/a.js (2 before, 1 now).",
    ],
    [
      "skipped",
      `${oldTest}it.skip = () => {};\nit.skip("adds more", () => {});\n`,
      "Tests that ran at the base are skipped now: test/a.js.",
    ],
  ])("refuses when a test file is %s", async (_what, content, reason) => {
    const { evidence } = await judge({
      base,
      change: { "test/a.js": content, "test/b.js": "process.exit(0);\n" },
      plan,
    });
    expect(evidence.reason).toBe(reason);
  });

  it("refuses when the script that runs the tests was changed, and judges by the old one", async () => {
    const { evidence } = await judge({
      base: { ...base, "cart.cjs": "ok" },
      change: { "run.sh": "exit 0\n", "test/b.js": "process.exit(1);\n" },
      plan,
    });
    expect(failedChecks(evidence)).toEqual(["test command", "tests pass"]);
    expect(evidence.reason).toContain("in run.sh it was modified and decides how the tests are run");
  });

  it("says that the command fails at the base too", async () => {
    const { evidence } = await judge({
      base: { ...base, "test/z.js": "process.exit(3);\n" },
      change: { "test/b.js": oldTest },
      plan,
    });
    expect(evidence.reason).toBe("The test command ended with exit code 1. It fails at the base commit too.");
  });

  it("hears of single tests when the command prints TAP", async () => {
    const tap = (second: string) =>
      `console.log("TAP version 13\\nok 1 - adds\\n${second} 2 - subtracts\\n1..2");\n`;
    const { evidence } = await judge({
      base: {
        "run.sh": "node test/tap.cjs; node test/own.cjs\n",
        "cart.js": "",
        "test/tap.cjs": tap("ok"),
        "test/own.cjs": "",
      },
      change: { "test/own.cjs": `console.log("not ok 3 - is mine");process.exit(1);\n` },
      plan,
    });
    expect(evidence).toMatchObject({
      verification: "failed",
      tests: { result: { passed: 2, failed: 1, skipped: 0 } },
    });
    expect(evidence.reason).toContain("is mine");
  });
});

describe("a runner that does not take our reporter", () => {
  it("is run again as it is, and judged by its exit code", async () => {
    const stub = 'if [ $# -gt 1 ]; then echo "Unknown option: $2" >&2; exit 1; fi\nexit 0\n';
    const { evidence } = await judge({
      base: { "package.json": cartManifest("sh ./vitest run"), vitest: stub, "cart.js": brokenCart },
      change: feature,
      plan: { testCommand: "npm test" },
    });
    expect(evidence).toMatchObject({ verification: "passed", tests: { runner: "vitest", result: null } });
    expect(evidence.commands.map(({ where, command }) => [where, command])).toEqual([
      ["base", "npm test"],
      ["result", "npm test"],
    ]);
  });
});

describe("tests that hang at the base", () => {
  it("are said to hang there too", async () => {
    const { evidence } = await judge({
      base: { ...greenBase, "test/hang.test.js": "setInterval(() => {}, 1_000_000);\n" },
      change: { ...feature, "test/cart.test.js": cartTests(sumTest, emptyTest) },
      plan: { commandTimeoutMs: 3_000 },
    });
    expect(evidence.reason).toBe(
      "The test command did not end and was stopped after 3 s. It does the same at the base commit.",
    );
  });
});
