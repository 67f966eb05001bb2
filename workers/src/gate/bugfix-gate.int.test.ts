import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it, vi } from "vitest";
import { evidenceSummary, gateFeedback } from "./index.ts";
import {
  brokenCart,
  cartManifest,
  cartTests,
  fixedCart,
  greenBase,
  quantityTest,
  redBase,
  sumTest,
  testBlock,
} from "./testing/cart-sample.ts";
import { failedChecks, type GateCase, runGate } from "./testing/gate-fixture.ts";

// Each case makes a repository, clones it two or three times and runs test commands in them.
vi.setConfig({ testTimeout: 90_000 });

const temp = useTempDir();
const judge = (gateCase: Omit<GateCase, "type">) => runGate(temp(), { type: "bugfix", ...gateCase });

const npmPlan = { testCommand: "npm test" };

const quantityId = "test/cart.test.js > cart > multiplies by quantity";
const sumId = "test/cart.test.js > cart > adds prices";

describe("a bug fix is accepted", () => {
  it("when a test that was red at the base is green", async () => {
    const { evidence, checkouts, output } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart },
      plan: npmPlan,
    });
    expect(evidence).toMatchObject({
      verification: "passed",
      reason: `${quantityId}: red at the base, green now; nothing else turned red.`,
      tests: {
        runner: "node:test",
        base: { passed: 1, failed: 1, skipped: 0 },
        result: { passed: 2, failed: 0, skipped: 0 },
        redToGreen: [quantityId],
        greenToRed: [],
        added: [],
        removed: [],
        newlySkipped: [],
      },
      environment: {
        node: process.version,
        sandbox: "none (not confined)",
        testCommand: "npm test (detected)",
      },
    });
    expect(
      evidence.commands.map(({ where, command, exitCode, endedBy }) => ({
        where,
        command,
        exitCode,
        endedBy,
      })),
    ).toEqual([
      { where: "base", command: "npm test", exitCode: 1, endedBy: "exit" },
      { where: "result", command: "npm test", exitCode: 0, endedBy: "exit" },
    ]);
    expect(evidence.commands[0]?.outputTail).toContain("multiplies by quantity");
    expect(output).toContain("multiplies by quantity");
    expect(evidenceSummary(evidence)).toBe(`${quantityId}: red at base, green now`);
    expect(checkouts).toEqual({ base: 1, result: 1, baseWith: 0 });
  });

  it("when the agent's new test is red on the old code and green on the new", async () => {
    const { evidence, checkouts } = await judge({
      base: greenBase,
      change: { "cart.js": fixedCart, "test/cart.test.js": cartTests(sumTest, quantityTest) },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.tests).toMatchObject({ redToGreen: [quantityId], added: [quantityId] });
    expect(evidence.commands.map((command) => command.where)).toEqual([
      "base",
      "result",
      "new_tests_on_base",
    ]);
    expect(checkouts.baseWith).toBe(1);
  });

  it("when the base hangs and the result does not, and says so", async () => {
    const hanging = `${brokenCart}setInterval(() => {}, 1_000_000);\nawait new Promise(() => {});\n`;
    const { evidence } = await judge({
      base: { ...greenBase, "cart.js": hanging },
      change: { "cart.js": brokenCart },
      plan: { commandTimeoutMs: 5_000 },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.commands[0]).toMatchObject({ where: "base", endedBy: "timeout" });
    expect(evidence.checks).toContainEqual({
      name: "base",
      status: "skipped",
      reason: "At the base commit itself the test command did not end and was stopped after 5 s.",
    });
    expect(evidence.tests?.redToGreen).toEqual([sumId]);
  });

  it("when only the exit code of a plain command tells", async () => {
    const base = { "check.sh": "grep -q right answer.txt\n", "answer.txt": "wrong\n" };
    const { evidence } = await judge({
      base,
      change: { "answer.txt": "right\n" },
      plan: { runner: "command", testCommand: "sh check.sh" },
    });
    expect(evidence).toMatchObject({
      verification: "passed",
      tests: { base: null, redToGreen: ["sh check.sh"] },
    });
  });

  it("when another test was red before and still is: that is not the agent's fault", async () => {
    const old = testBlock("is red for ever", "assert.equal(1, 2);");
    const { evidence } = await judge({
      base: { ...redBase, "test/cart.test.js": cartTests(sumTest, quantityTest, old) },
      change: { "cart.js": fixedCart },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.checks.find((check) => check.name === "tests pass")?.reason).toContain(
      "1 test that failed at the base too: test/cart.test.js > cart > is red for ever",
    );
  });
});

describe("a bug fix is refused", () => {
  it("when nothing was fixed", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": `${brokenCart}\n// looked at it\n` },
    });
    expect(evidence.verification).toBe("failed");
    expect(evidence.reason).toBe(`The bug is not fixed: what failed at the base still fails: ${quantityId}.`);
    const feedback = gateFeedback(evidence);
    expect(feedback).toContain(`- red to green: The bug is not fixed`);
    expect(feedback).toContain("`node --test` on your result ended with exit code 1.");
    expect(feedback).toContain("multiplies by quantity");
  });

  it.each(["node --test || true", "exit 0", "echo ok", "node --test; exit 0"])(
    "when the test script becomes %j without a fix",
    async (script) => {
      const { evidence } = await judge({
        base: redBase,
        change: { "package.json": cartManifest(script) },
        plan: npmPlan,
      });
      expect(evidence.verification).toBe("failed");
      expect(failedChecks(evidence)).toEqual(["test command", "red to green"]);
      expect(evidence.reason).toContain(
        `in package.json the script "test" was changed from "node --test" to ${JSON.stringify(script)}`,
      );
      // Judged by the base's script, the bug still shows.
      expect(evidence.commands[1]).toMatchObject({ where: "result", exitCode: 1 });
    },
  );

  it("when the script is bent although the fix is real", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart, "package.json": cartManifest("node --test || true") },
      plan: npmPlan,
    });
    expect(failedChecks(evidence)).toEqual(["test command"]);
    expect(evidence.tests?.redToGreen).toEqual([quantityId]);
  });

  it("when a script that runs before the tests was added", async () => {
    const manifest = JSON.stringify({
      type: "module",
      scripts: { pretest: "rm -f test/*", test: "node --test" },
    });
    const { evidence } = await judge({ base: redBase, change: { "package.json": manifest }, plan: npmPlan });
    expect(evidence.reason).toContain('the script "pretest" was added: "rm -f test/*"');
    expect(failedChecks(evidence)).toEqual(["test command", "red to green"]);
  });

  it("when npm is told to run scripts with another shell", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { ".npmrc": "script-shell=/bin/true\n" },
      plan: npmPlan,
    });
    expect(evidence.reason).toContain("in .npmrc it was added");
    expect(evidence.commands[1]).toMatchObject({ where: "result", exitCode: 1 });
  });

  it("when the red test was deleted", async () => {
    const { evidence } = await judge({ base: redBase, change: { "test/cart.test.js": cartTests(sumTest) } });
    expect(failedChecks(evidence)).toEqual(["tests kept", "red to green"]);
    expect(evidence.reason).toBe(`1 test of the base is gone: ${quantityId}. (and 1 more)`);
  });

  it("when the test file was deleted", async () => {
    const { evidence } = await judge({
      base: { ...redBase, "test/other.test.js": cartTests(sumTest) },
      change: { "test/cart.test.js": null },
    });
    expect(evidence.tests?.removed).toEqual([sumId, quantityId]);
    expect(failedChecks(evidence)).toContain("tests kept");
  });

  it("when the test file was emptied", async () => {
    const { evidence } = await judge({ base: redBase, change: { "test/cart.test.js": "\n" } });
    expect(evidence.reason).toContain("Test files were emptied: test/cart.test.js.");
  });

  it.each([
    ["it.skip", quantityTest.replace("it(", "it.skip(")],
    ["it.todo", quantityTest.replace("it(", "it.todo(")],
    ["the skip option", quantityTest.replace(", () =>", ", { skip: true }, () =>")],
  ])("when the red test is skipped with %s", async (_how, skipped) => {
    const { evidence } = await judge({
      base: redBase,
      change: { "test/cart.test.js": cartTests(sumTest, skipped) },
    });
    expect(evidence.tests?.newlySkipped).toEqual([quantityId]);
    expect(evidence.reason).toContain(`Tests that ran at the base are skipped now: ${quantityId}.`);
  });

  it("when the test was bent to the bug", async () => {
    const bent = quantityTest.replace("6", "2");
    const { evidence } = await judge({
      base: redBase,
      change: { "test/cart.test.js": cartTests(sumTest, bent) },
    });
    expect(evidence.reason).toBe(
      `The tests that failed at the base were changed so that they pass on the old code too: ${quantityId}.`,
    );
  });

  it("when nothing is red at the base and the new test passes there too", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: {
        "cart.js": fixedCart,
        "test/cart.test.js": cartTests(sumTest, testBlock("is", "assert.ok(total);")),
      },
    });
    expect(evidence.reason).toBe(
      "Nothing shows the bug: the new or changed tests (test/cart.test.js) pass at the base commit too.",
    );
    expect(gateFeedback(evidence)).toContain("with your tests on the old code ended with exit code 0");
  });

  it("when nothing is red at the base and no test was added", async () => {
    const { evidence } = await judge({ base: greenBase, change: { "cart.js": fixedCart } });
    expect(evidence.reason).toBe(
      "Nothing shows the bug: no test fails at the base commit, and no test was added that does.",
    );
  });

  it("when the new test can't even be loaded at the base", async () => {
    const change = {
      "cart.js": `${fixedCart}export const isFixed = true;\n`,
      "test/fix.test.js": `import { isFixed } from "../cart.js";\nimport { it } from "node:test";\nit("is fixed", () => { if (!isFixed) throw new Error(); });\n`,
    };
    const { evidence } = await judge({ base: greenBase, change });
    expect(evidence.reason).toContain("The new tests can't be loaded at the base commit (test/fix.test.js)");
  });

  it("when something else turned red", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart.replace("let sum = 0;", "let sum = items.length > 1 ? 100 : 0;") },
    });
    expect(evidence.tests).toMatchObject({ greenToRed: [sumId], redToGreen: [quantityId] });
    expect(evidence.reason).toContain(`1 test that passed at the base fails now: ${sumId} (Expected values`);
    expect(failedChecks(evidence)).toEqual(["tests pass"]);
  });

  it("when the working tree is dirty, without running anything", async () => {
    const { evidence, checkouts } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart },
      dirtyPaths: ["?? scratch.js", " M cart.js"],
    });
    expect(evidence.reason).toBe(
      "The working tree is not clean: 2 paths left uncommitted (?? scratch.js, M cart.js).",
    );
    expect(checkouts).toEqual({ base: 0, result: 0, baseWith: 0 });
  });

  it("when the diff is empty, without running anything", async () => {
    const { evidence, checkouts } = await judge({ base: redBase, change: {} });
    expect(evidence.verification).toBe("failed");
    expect(evidence.reason).toBe("Nothing was changed: the result is the same as the base commit.");
    expect(checkouts.base).toBe(0);
  });

  it("when the rules of the gate were changed", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart, ".agentvine.yml": "testCommand: exit 0\n" },
    });
    expect(evidence.reason).toContain(".agentvine.yml was added: it holds the rules of this gate");
  });

  it("when generated files were committed", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart, "node_modules/left-pad/index.js": "// installed\n" },
    });
    expect(evidence.reason).toContain("node_modules/left-pad/index.js");
    expect(failedChecks(evidence)).toEqual(["generated files"]);
  });

  it("when the tests hang", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": `${fixedCart}setInterval(() => {}, 1_000_000);\n` },
      plan: { commandTimeoutMs: 5_000 },
    });
    expect(evidence.reason).toBe("The test command did not end and was stopped after 5 s.");
    expect(evidence.commands.at(-1)).toMatchObject({ where: "result", endedBy: "timeout", exitCode: null });
  });

  it("when the tests flood the output", async () => {
    const script = "case $(cat answer.txt) in wrong) exit 1 ;; *) yes ;; esac\n";
    const { evidence } = await judge({
      base: { "check.sh": script, "answer.txt": "wrong\n" },
      change: { "answer.txt": "flood\n" },
      plan: { runner: "command", testCommand: "sh check.sh" },
    });
    expect(evidence.reason).toBe("The test command printed more than 64 MiB and was stopped.");
    expect(evidence.commands.at(-1)?.outputTail.length).toBeLessThanOrEqual(16 * 1024);
  });

  it("when a test ends the process before the others ran", async () => {
    const cheat = testBlock("leaves early", "process.exit(0);");
    const { evidence } = await judge({
      base: redBase,
      change: { "test/cart.test.js": cartTests(cheat, sumTest, quantityTest) },
    });
    expect(evidence.verification).toBe("failed");
    expect(failedChecks(evidence)).toContain("tests kept");
  });
});

describe("setup and missing knowledge", () => {
  it("refuses a result whose setup fails, with the command's output", async () => {
    const { evidence } = await judge({
      base: { ...redBase, "setup.sh": "exit 0\n" },
      change: { "cart.js": fixedCart, "setup.sh": "echo broken lockfile; exit 3\n" },
      plan: { setupCommand: "sh setup.sh" },
    });
    expect(evidence.verification).toBe("failed");
    expect(evidence.reason).toBe(
      'Setting up the result failed. The setup command "sh setup.sh" ended with exit code 3.',
    );
    expect(evidence.commands).toEqual([
      expect.objectContaining({ where: "result", exitCode: 3, outputTail: "broken lockfile\n" }),
    ]);
  });

  it("does not blame the result when the base can't be set up either", async () => {
    const { evidence } = await judge({
      base: { ...redBase, "setup.sh": "exit 4\n" },
      change: { "cart.js": fixedCart, "setup.sh": "exit 0\n" },
      plan: { setupCommand: "sh setup.sh" },
    });
    expect(evidence.verification).toBe("unverified");
    expect(evidence.reason).toContain("Setting up the base commit itself failed");
  });

  it("is unverified without a test command", async () => {
    const { evidence, checkouts } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart },
      plan: { testCommand: null, runner: "none", source: "none" },
    });
    expect(evidence.verification).toBe("unverified");
    expect(evidence.reason).toContain("No test command is known");
    expect(evidenceSummary(evidence)).toMatch(/^unverified: No test command is known/);
    expect(checkouts.base).toBe(0);
  });

  it("is unverified when the test script is npm's placeholder", async () => {
    const manifest = cartManifest('echo "Error: no test specified" && exit 1');
    const { evidence } = await judge({
      base: { ...redBase, "package.json": manifest },
      change: { "cart.js": fixedCart },
      plan: npmPlan,
    });
    expect(evidence.verification).toBe("unverified");
    expect(evidence.reason).toContain("placeholder");
  });

  it("is unverified when the test command can't be run on this machine", async () => {
    const { evidence } = await judge({
      base: redBase,
      change: { "cart.js": fixedCart },
      plan: { runner: "command", testCommand: "no-such-program --test" },
    });
    expect(evidence.verification).toBe("unverified");
    expect(evidence.reason).toBe(
      "The test command can't be run here, at the base commit neither (ended with exit code 127): no-such-program --test",
    );
  });

  it("ends with the signal's reason when it is cut off", async () => {
    const reason = new Error("cancelled by a person");
    await expect(
      judge({ base: redBase, change: { "cart.js": fixedCart }, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  it("excuses an existing test that fails only once", async () => {
    const flaky = `import { existsSync, writeFileSync } from "node:fs";
import { it } from "node:test";
it("is flaky", () => {
  const marker = new URL("../.git/seen", import.meta.url);
  if (existsSync(new URL("../fix.txt", import.meta.url)) && !existsSync(marker)) {
    writeFileSync(marker, "");
    throw new Error("bad luck");
  }
});
`;
    const { evidence } = await judge({
      base: { ...redBase, "test/flaky.test.js": flaky },
      change: { "cart.js": fixedCart, "fix.txt": "fixed\n" },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.checks.find((check) => check.name === "flaky tests")?.reason).toContain(
      "test/flaky.test.js > is flaky",
    );
    expect(evidence.commands.filter((command) => command.where === "result")).toHaveLength(2);
  });
});
