import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it, vi } from "vitest";
import { evidenceSummary } from "./index.ts";
import {
  brokenCart,
  cartManifest,
  cartTests,
  emptyTest,
  greenBase,
  sumTest,
  testBlock,
} from "./testing/cart-sample.ts";
import { failedChecks, type GateCase, runGate } from "./testing/gate-fixture.ts";

// Each case makes a repository, clones it two or three times and runs test commands in them.
vi.setConfig({ testTimeout: 90_000 });

const temp = useTempDir();
const judge = (gateCase: Omit<GateCase, "type">) => runGate(temp(), { type: "test", ...gateCase });
const moreTests = { "test/cart.test.js": cartTests(sumTest, emptyTest) };

describe("more tests are accepted", () => {
  it("when they pass and line coverage rose, with the numbers", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: moreTests,
      plan: { testCommand: "npm test" },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.coverage).toMatchObject({ files: [{ path: "cart.js" }] });
    const { beforePercent, afterPercent } = evidence.coverage ?? {};
    expect(beforePercent).toBeLessThan(80);
    expect(afterPercent).toBeGreaterThan(80);
    expect(evidenceSummary(evidence)).toBe(
      `1 test added; coverage ${beforePercent?.toFixed(1)} % → ${afterPercent?.toFixed(1)} %`,
    );
    expect(evidence.commands.map(({ where, exitCode }) => [where, exitCode])).toEqual([
      ["base", 0],
      ["result", 0],
      ["result", 0],
      ["base", 0],
    ]);
    expect(evidence.commands[2]?.command).toContain("node --experimental-test-coverage");
  });

  it("when they are the first tests", async () => {
    const { evidence } = await judge({
      base: { "package.json": cartManifest(), "cart.js": brokenCart },
      change: moreTests,
      context: { files: ["./cart.js"] },
    });
    expect(evidence).toMatchObject({
      verification: "passed",
      coverage: { beforePercent: 0, files: [{ path: "cart.js", beforePercent: null }] },
    });
    expect(evidence.reason).toMatch(
      /^Line coverage of cart.js: 0.0 % → \d\d.\d %; 2 tests added, all pass.$/,
    );
  });

  it("with other changes when the task allows them", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { ...moreTests, "cart.js": `${brokenCart}// tested\n` },
      context: { allowSourceChanges: true },
    });
    expect(evidence.verification).toBe("passed");
  });

  it("when the project's own coverage command says so", async () => {
    const script = `mkdir -p coverage
hit=0; grep -q "knows an empty" test/cart.test.js && hit=1
printf 'SF:cart.js\\nDA:1,1\\nDA:2,%s\\nend_of_record\\n' $hit > coverage/lcov.info
`;
    const { evidence } = await judge({
      base: { ...greenBase, "coverage.sh": script },
      change: moreTests,
      plan: { coverageCommand: "sh coverage.sh" },
    });
    expect(evidence.coverage).toMatchObject({ beforePercent: 50, afterPercent: 100 });
  });
});

describe("more tests are refused", () => {
  it("when something else was changed", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { ...moreTests, "cart.js": `${brokenCart}// tested\n` },
    });
    expect(evidence.reason).toBe(
      "Only tests may be changed in this task, but 1 other file changed: cart.js.",
    );
  });

  it("when coverage did not rise", async () => {
    const same = cartTests(sumTest, testBlock("adds again", "assert.equal(total([{ price: 1 }]), 1);"));
    const { evidence } = await judge({ base: greenBase, change: { "test/cart.test.js": same } });
    expect(evidence.reason).toMatch(/^Line coverage did not rise: (\d\d\.\d %) → \1\.$/);
  });

  it("when the tests load none of the named files", async () => {
    const { evidence } = await judge({
      base: { ...greenBase, "unused.js": "export const unused = 1;\n" },
      change: moreTests,
      context: { files: ["unused.js"] },
    });
    expect(evidence.reason).toBe(
      "Line coverage of unused.js is not known: the tests load none of these files.",
    );
  });

  it("when a new test fails, without measuring", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: { "test/cart.test.js": cartTests(sumTest, emptyTest.replace("true", "false")) },
    });
    expect(failedChecks(evidence)).toEqual(["tests pass"]);
    expect(evidence.coverage).toBeNull();
    expect(evidence.commands).toHaveLength(2);
  });
});

describe("coverage that can't be measured", () => {
  it("leaves the result unverified and says why", async () => {
    const { evidence } = await judge({
      base: { "run.sh": "node test/a.cjs\n", "test/a.cjs": "" },
      change: { "test/a.cjs": "1;\n" },
      plan: { runner: "command", testCommand: "sh run.sh" },
    });
    expect(evidence.verification).toBe("unverified");
    expect(evidence.reason).toBe(
      "Coverage could not be measured: this test command can't measure coverage: name a `coverageCommand` that writes lcov.",
    );
  });

  it("says when the coverage command leaves no report", async () => {
    const { evidence } = await judge({
      base: greenBase,
      change: moreTests,
      plan: { coverageCommand: "exit 7" },
    });
    expect(evidence.reason).toContain("the coverage command ended with exit code 7 and left no lcov report");
  });
});
