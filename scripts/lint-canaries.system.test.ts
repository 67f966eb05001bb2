import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { copySources } from "./canary-copy.ts";
import { plantAndLint } from "./lint-canaries.ts";

// Compilers and linters are started: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

let copy = "";
beforeEach(() => {
  copy = copySources();
});
afterEach(() => {
  rmSync(copy, { recursive: true, force: true });
});

function replaceIn(path: string, pattern: RegExp, replacement: string): void {
  writeFileSync(join(copy, path), readFileSync(join(copy, path), "utf8").replace(pattern, replacement));
}

// That every rule catches its planted violation, in sources and in tests, is a step of the check itself.
it("without a rule its canaries, and no others, are reported as uncaught", () => {
  replaceIn("biome.json", /"noConsole": "error"/, '"noConsole": "off"');
  replaceIn(".oxlintrc.json", /"typescript\/await-thenable": "error"/, '"typescript/await-thenable": "off"');
  expect(plantAndLint(copy)).toEqual([
    "rule noConsole did not catch workers/src/canary-console.ts",
    "rule await-thenable did not catch workers/src/canary-await.ts",
    "rule await-thenable did not catch workers/src/canary-await.test.ts",
  ]);
});

it("test files that belong to no TypeScript project are reported: their promises would go unseen", () => {
  replaceIn("tsconfig.json", /,\s*\{ "path": ".\/tsconfig.tests.json" \}/, "");
  expect(plantAndLint(copy)).toContain(
    "rule no-floating-promises did not catch workers/src/canary-floating.test.ts",
  );
});
