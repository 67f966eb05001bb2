import type { PolicyFacts } from "@agentvine/contracts";
import { describe, expect, test } from "vitest";
import { decide } from "../decide.ts";
import { readPolicy } from "../policy-text.ts";
import { presetNames, presets } from "../presets.ts";
import { someFacts } from "../testing/facts.ts";
import { draftRule } from "./draft-rule.ts";
import { insertRule } from "./insert-rule.ts";

const read = (yaml: string) => {
  const policy = readPolicy(yaml);
  if (!policy.isValid) throw new Error(policy.issues[0]?.message);
  return { yaml, ruleSet: policy.ruleSet };
};
const ruleFor = (facts: PolicyFacts, decision: "allow" | "deny" = "allow") => {
  const drafted = draftRule(facts, { decision, description: "As told.", suffix: "abc123" });
  if (!drafted.isPossible) throw new Error(drafted.reason);
  return drafted.rule;
};
const into = (yaml: string, facts: PolicyFacts, decision: "allow" | "deny" = "allow") => {
  const policy = read(yaml);
  const placed = insertRule(policy, ruleFor(facts, decision), facts);
  if (!placed.isPossible) throw new Error(placed.reason);
  return { ...placed, ids: placed.ruleSet.source.rules.map(({ id }) => id) };
};
const facts = someFacts({ tool: { command: "npm run build" } });
const id = "allow.npm-run-build.abc123";

test.each(presetNames)("an allowance goes before the rule that decides now, and no further: %s", (name) => {
  const critical = someFacts({ tool: { command: "npm run build" }, worker: { isConfined: false } });
  const asked = name === "default" ? facts : critical;
  const before = decide(asked, presets[name].ruleSet).ruleId;
  const { ids, decision } = into(presets[name].yaml, asked);
  expect(decision).toMatchObject({ kind: "allow", ruleId: expect.any(String) });
  expect(ids[ids.indexOf(before) - 1]).toBe(id);
});

test("what people alone decide stays theirs", () => {
  const { ruleSet } = into(presets.default.yaml, facts);
  for (const task of [{ permissionLevel: "human_required" }, { priority: "critical" }] as const)
    expect(decide(someFacts({ tool: { command: "npm run build" }, task }), ruleSet).kind).toBe("human");
});

test("a denial that is there outranks the allowance, and one that is added outranks the allowances", () => {
  const yaml = "rules:\n  - { id: builds, effect: allow, commands: [npm run build] }\n";
  expect(into(yaml, facts, "deny")).toMatchObject({ decision: { kind: "deny" } });
  const denied =
    'rules:\n  - { id: ask, effect: human }\n  - { id: no, effect: deny, commands: ["npm run *"] }\n';
  expect(into(denied, facts).decision).toMatchObject({ kind: "deny", ruleId: "no" });
});

describe("the text", () => {
  test("keeps its comments, its order and how it is written", () => {
    const yaml = `# Ours.
description: The shop
rules:
  # Tests are free.
  - id: tests
    effect: allow
    commands: [npm test, "npm run test:*"] # all of them

  # The rest.
  - id: rest
    effect: human
`;
    const { yaml: text, ids } = into(yaml, facts);
    expect(ids).toEqual(["tests", id, "rest"]);
    const [before = "", after = ""] = text.split(/\n {2}- id: allow[\s\S]*?\n\n/);
    expect(`${before}\n${after}`).toBe(yaml);
  });

  test.each([
    ["an empty list", "rules: []\n"],
    ["a list that is not indented", "rules:\n- id: a\n  effect: human\n"],
    ["a list in one line", "rules: [{ id: a, effect: human }]\n"],
    [
      "one whose last rule ends in a text with marks of comments",
      "rules:\n  - id: a\n    effect: deny\n    when: 'false'\n    reason: |\n      x\n      # y\n  - id: b\n    effect: human\n",
    ],
    [
      "one that goes on after its rules",
      "rules:\n  - { id: a, effect: deny, when: 'false' } # no\ndescription: x\n",
    ],
    ["JSON", '{"rules": [{"id": "a", "effect": "human"}]}\n'],
  ])("may be %s", (_name, yaml) => {
    expect(into(yaml, facts)).toMatchObject({ decision: { kind: "allow", ruleId: id } });
  });

  test("that is full takes no more, and says so", () => {
    const rules = Array.from({ length: 500 }, (_, index) => `  - { id: r${index}, effect: human }`);
    const policy = read(`rules:\n${rules.join("\n")}\n`);
    expect(insertRule(policy, ruleFor(facts), facts)).toEqual({
      isPossible: false,
      reason: expect.stringContaining("500"),
    });
  });
});
