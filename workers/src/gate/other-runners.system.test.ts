import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it, vi } from "vitest";
import { evidenceSummary } from "./index.ts";
import { failedChecks, runGate } from "./testing/gate-fixture.ts";

// Each case makes a repository, clones it two or three times and runs test commands in them.
vi.setConfig({ testTimeout: 90_000 });

const temp = useTempDir();

describe("Vitest, started by npm test", () => {
  // The project's own installation stands in for `npm ci`.
  const nodeModules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
  const cart = (fix: string) =>
    `export const total = (items) => {\n  let sum = 0;\n  for (const item of items) {\n    sum += item.price${fix};\n  }\n  return sum;\n};\n\nexport const isEmpty = (items) => {\n  return items.length === 0;\n};\n`;
  const quantity = (how = "it") =>
    `${how}("multiplies", () => expect(total([{ price: 2, quantity: 3 }])).toBe(6));\n`;
  const tests = (...blocks: string[]) =>
    `import { describe, expect, it, vi } from "vitest";\nimport { isEmpty, total } from "./cart.js";\ndescribe("cart", () => {\n${blocks.join("")}});\n`;
  const adds = `it("adds", () => expect(total([{ price: 2 }])).toBe(2));\n`;
  const base = {
    "package.json": '{"type":"module","scripts":{"test":"vitest run"},"devDependencies":{"vitest":"4.1.12"}}',
    "src/cart.js": cart(""),
    "src/cart.test.js": tests(adds, quantity()),
  };
  const plan = { runner: "npm", testCommand: "npm test" } as const;

  it("shows which test turned green", async () => {
    const { evidence } = await runGate(temp(), {
      type: "bugfix",
      base,
      change: { "src/cart.js": cart(" * (item.quantity ?? 1)") },
      plan,
      nodeModules,
    });
    expect(evidence).toMatchObject({
      verification: "passed",
      tests: {
        runner: "vitest",
        base: { passed: 1, failed: 1, skipped: 0 },
        redToGreen: ["src/cart.test.js > cart > multiplies"],
      },
    });
    expect(evidence.commands[0]?.command).toMatch(
      /^npm test -- --reporter=default --reporter=json --outputFile.json=/,
    );
  });

  it("refuses a skipped test and a configuration that leaves tests out", async () => {
    const { evidence } = await runGate(temp(), {
      type: "bugfix",
      base,
      change: {
        "src/cart.test.js": tests(adds, quantity("it.skip")),
        "vitest.config.js": 'export default { test: { exclude: ["**"], passWithNoTests: true } };\n',
      },
      plan,
      nodeModules,
    });
    expect(failedChecks(evidence)).toEqual(["test command", "tests not skipped", "red to green"]);
    expect(evidence.reason).toContain("in vitest.config.js it was added and changes how the tests are run");
  });

  it("measures coverage", async () => {
    const { evidence } = await runGate(temp(), {
      type: "test",
      base: { ...base, "src/cart.test.js": tests(adds) },
      change: { "src/cart.test.js": tests(adds, 'it("knows", () => expect(isEmpty([])).toBe(true));\n') },
      plan,
      nodeModules,
      context: { files: ["src"] },
    });
    expect(evidence.verification).toBe("passed");
    expect(evidence.coverage?.afterPercent).toBe(100);
    expect(evidenceSummary(evidence)).toMatch(/^1 test added; coverage \d\d\.\d % → 100\.0 %$/);
  });
});

const hasPytest = (() => {
  try {
    execFileSync("sh", ["-c", "pytest --version"], { stdio: "ignore", timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasPytest)(
  `pytest${hasPytest ? "" : " (SKIPPED: pytest is not installed on this machine)"}`,
  () => {
    const cart = (fix: string) =>
      `def total(items):\n    return sum(item["price"]${fix} for item in items)\n`;
    const tests = (...blocks: string[]) =>
      `import pytest\nfrom cart import total\n\n\n${blocks.join("\n\n")}`;
    const adds = 'def test_adds():\n    assert total([{"price": 2}]) == 2\n';
    const quantity =
      'class TestQuantity:\n    def test_multiplies(self):\n        assert total([{"price": 2, "quantity": 3}]) == 6\n';
    const base = { "cart.py": cart(""), "conftest.py": "", "tests/test_cart.py": tests(adds) };
    const plan = {
      runner: "pytest",
      testCommand: "pytest -q",
      environment: { PYTEST_ADDOPTS: "-p no:cacheprovider", PYTEST_DISABLE_PLUGIN_AUTOLOAD: "1" },
    } as const;

    it("shows that the new test is red on the old code", async () => {
      const { evidence } = await runGate(temp(), {
        type: "bugfix",
        base,
        change: {
          "cart.py": cart(' * item.get("quantity", 1)'),
          "tests/test_cart.py": tests(adds, quantity),
        },
        plan,
      });
      expect(evidence).toMatchObject({
        verification: "passed",
        tests: { runner: "pytest", redToGreen: ["tests/test_cart.py > TestQuantity > test_multiplies"] },
      });
    });

    it("refuses a test that is skipped now and options that leave tests out", async () => {
      const { evidence } = await runGate(temp(), {
        type: "bugfix",
        base: {
          ...base,
          "tests/test_cart.py": tests(adds, quantity),
          "pyproject.toml": "[project]\nname = 'cart'\n",
        },
        change: {
          "tests/test_cart.py": tests(adds, `@pytest.mark.skip\n${quantity}`),
          "pyproject.toml":
            "[project]\nname = 'cart'\n\n[tool.pytest.ini_options]\naddopts = '--deselect tests'\n",
        },
        plan,
      });
      expect(evidence.tests?.newlySkipped).toEqual(["tests/test_cart.py > TestQuantity > test_multiplies"]);
      expect(failedChecks(evidence)).toEqual(["test command", "tests not skipped", "red to green"]);
      expect(evidence.reason).toContain("in pyproject.toml the section that configures pytest was changed");
    });

    it("does not take an empty suite at the base for a red one", async () => {
      const { evidence } = await runGate(temp(), {
        type: "bugfix",
        base: { "cart.py": cart(""), "conftest.py": "" },
        change: { "cart.py": cart(' * item.get("quantity", 1)'), "tests/test_cart.py": tests(adds) },
        plan,
      });
      expect(evidence.reason).toContain("Nothing shows the bug");
    });

    it("says when pytest-cov is missing", async () => {
      const { evidence } = await runGate(temp(), {
        type: "test",
        base,
        change: { "tests/test_cart.py": tests(adds, quantity.replace("6", "2")) },
        plan,
      });
      expect(evidence.verification).toBe("unverified");
      expect(evidence.reason).toBe("Coverage could not be measured: pytest-cov is not installed.");
    });
  },
);
