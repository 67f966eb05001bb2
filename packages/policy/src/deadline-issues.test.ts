import { describe, expect, test } from "vitest";
import { compileRules } from "./compile-rules.ts";
import { readPolicy } from "./policy-text.ts";

const issuesOf = (fields: string) => {
  const policy = readPolicy(`rules:\n  - id: releases\n    effect: human\n${fields}`);
  return policy.isValid
    ? []
    : policy.issues.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
};

describe("an escalation", () => {
  test("that nothing would use is refused where it stands, with what to do", () => {
    const chain = "    escalation: [{ afterSeconds: 60, to: everybody }]\n";
    const refused = [
      "4:17 rules.0.escalation: it is never used: say onTimeout: escalate as well, or leave it out",
    ];
    expect(issuesOf(chain)).toEqual(refused);
    expect(issuesOf(`${chain}    onTimeout: deny\n`)).toEqual(refused);
    expect(issuesOf(`${chain}    onTimeout: escalate\n`)).toEqual([]);
  });

  test("goes on from step to step, and ends before its request does", () => {
    const withSteps = (deadline: string, ...after: number[]) =>
      issuesOf(`    onTimeout: escalate\n${deadline}    escalation:
${after.map((seconds) => `      - { to: everybody, afterSeconds: ${seconds} }\n`).join("")}`);
    expect(withSteps("    deadlineSeconds: 90\n", 30, 60)).toEqual([]);
    expect(withSteps("    deadlineSeconds: 90\n", 30, 30)).toEqual([
      "8:40 rules.0.escalation.1.afterSeconds: all steps count from the beginning: say more than the 30 of the step before",
    ]);
    expect(withSteps("    deadlineSeconds: 90\n", 30, 90)).toEqual([
      "8:40 rules.0.escalation.1.afterSeconds: the request ends after 90 seconds: say less, or raise deadlineSeconds",
    ]);
    expect(withSteps("", 86_400)).toHaveLength(1);
  });

  test("that an older version let through goes on as it did: a stored policy is still judged by", () => {
    const escalation = [{ afterSeconds: 100_000, to: "everybody" }];
    expect(compileRules({ rules: [{ id: "old", effect: "human", escalation }] }).isValid).toBe(true);
  });
});
