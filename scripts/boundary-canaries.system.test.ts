import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { canaries, plantAndCruise, ruleNames } from "./boundary-canaries.ts";
import { copySources } from "./canary-copy.ts";

// Compilers and linters are started: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

let copy = "";
beforeEach(() => {
  copy = copySources();
});
afterEach(() => {
  rmSync(copy, { recursive: true, force: true });
});

// That every rule catches its planted violation is a step of the check itself.
it("without a rule its canary, and no other, is reported as uncaught", () => {
  const removed = "supervisor-never-loads-model-code";
  appendFileSync(
    join(copy, ".dependency-cruiser.cjs"),
    `module.exports.forbidden = module.exports.forbidden.filter(({ name }) => name !== "${removed}");\n`,
  );
  expect(plantAndCruise(copy)).toEqual([expect.stringContaining(`rule ${removed} did not catch`)]);
});

it("without any rule every canary is reported as uncaught", () => {
  appendFileSync(join(copy, ".dependency-cruiser.cjs"), "module.exports.forbidden = [];\n");
  expect(plantAndCruise(copy)).toHaveLength(Object.keys(canaries).length);
});

it("a rule without a canary is reported", () => {
  const config = join(copy, ".dependency-cruiser.cjs");
  writeFileSync(config, readFileSync(config, "utf8").replace('"no-cycles"', '"no-circles"'));
  expect(ruleNames(copy)).toContain("no-circles");
  expect(plantAndCruise(copy)).toContain("rule no-circles has no canary");
});

it("a cruise that sees no modules is a failure, not a success", () => {
  appendFileSync(join(copy, ".dependency-cruiser.cjs"), 'module.exports.options.exclude = { path: "." };\n');
  expect(plantAndCruise(copy)).toEqual([expect.stringContaining("no module was cruised")]);
});
