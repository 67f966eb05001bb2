import { describe, expect, it } from "vitest";
import { chooseRunner } from "./choose-runner.ts";
import { quoteWord, resolveCommand, scriptCallOf, splitCommandLine } from "./command-line.ts";

describe("splitCommandLine", () => {
  it.each([
    ["npm test", ["npm test"]],
    ["tsc -b && node --test || true", ["tsc -b", "node --test", "true"]],
    ["echo 'a && b' | cat; exit 0", ["echo 'a && b'", "cat", "exit 0"]],
    ['echo "a \\" ; b" & wait', ['echo "a \\" ; b"', "wait"]],
    ["make test 2>&1 >log", ["make test 2>&1 >log"]],
    ["a \\; b", ["a \\; b"]],
    ["", []],
  ])("splits %j", (line, expected) => {
    expect(splitCommandLine(line).map((segment) => segment.text)).toEqual(expected);
  });
});

describe("scriptCallOf", () => {
  it.each([
    ["npm test", "npm", "test"],
    ["npm t", "npm", "test"],
    ["npm run test:unit -- --bail", "npm", "test:unit"],
    ["CI=1 npm --silent run test", "npm", "test"],
    ["cross-env A=1 npm run check", "npm", "check"],
    ["yarn test", "yarn", "test"],
    ["pnpm run test", "pnpm", "test"],
  ])("finds the script of %j", (command, tool, script) => {
    expect(scriptCallOf(command)).toMatchObject({ tool, script });
  });

  it.each(["npm ci", "npm install left-pad", "node --test", "echo npm test"])(
    "finds none in %j",
    (command) => {
      expect(scriptCallOf(command)).toBeNull();
    },
  );
});

describe("resolveCommand", () => {
  const scripts = {
    test: "npm run build && npm run test:unit",
    "test:unit": "vitest run",
    build: "tsc",
    pretest: "echo hello",
    loop: "npm run loop",
    piped: "vitest run | cat",
  };

  it("follows scripts to the command that runs last and hands arguments through every npm", () => {
    const command = resolveCommand("npm test", scripts);
    expect(command.last).toBe("vitest run");
    expect(command.withArguments(["--reporter=json", "a b"])).toBe("npm test -- -- --reporter=json 'a b'");
    expect(command.scripts).toEqual([
      "pretest",
      "test",
      "prebuild",
      "build",
      "postbuild",
      "pretest:unit",
      "test:unit",
      "posttest:unit",
      "posttest",
    ]);
    expect(command.texts).toEqual(["npm test", "echo hello", scripts.test, "tsc", "vitest run"]);
  });

  it("needs no separator for yarn, pnpm, or where one is written", () => {
    expect(resolveCommand("yarn test:unit", scripts).withArguments(["--x"])).toBe("yarn test:unit --x");
    expect(resolveCommand("npm run test:unit -- --y", scripts).withArguments(["--x"])).toBe(
      "npm run test:unit -- --y --x",
    );
  });

  it("ends on scripts that call themselves", () => {
    expect(resolveCommand("npm run loop", scripts).last).toBe("npm run loop");
  });

  it.each([
    ["npm test", "npm", "vitest"],
    ["npm run piped", "vitest", "command"],
    ["npx jest --ci", "npm", "jest"],
    ["node --import tsx --test src/*.test.ts", "command", "node:test"],
    ["node --test-concurrency=1 --test", "command", "node:test"],
    ["python -m pytest -q", "command", "pytest"],
    ["uv run pytest", "command", "pytest"],
    ["make test", "pytest", "pytest"],
    ["make test", "node:test", "node:test"],
    ["make test", "vitest", "command"],
    ["cargo test", "command", "command"],
  ] as const)("knows who runs the tests of %j when the plan says %s: %s", (line, planned, runner) => {
    expect(chooseRunner(resolveCommand(line, scripts), planned).name).toBe(runner);
  });
});

describe("quoteWord", () => {
  it("leaves plain words alone and quotes the rest", () => {
    expect(quoteWord("--outputFile=/tmp/a.json")).toBe("--outputFile=/tmp/a.json");
    expect(quoteWord("it's $HOME")).toBe("'it'\\''s $HOME'");
  });
});
