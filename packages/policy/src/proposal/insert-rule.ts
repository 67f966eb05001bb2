import { isDeepStrictEqual } from "node:util";
import type { Decision, PolicyFacts, PolicyRule } from "@agentvine/contracts";
import { decide } from "../decide.ts";
import { readPolicy } from "../policy-text.ts";
import type { RuleSet } from "../rule-set.ts";
import { textsWith } from "./insert-text.ts";

/** A policy with one more rule, and what it would decide of the request the rule is about. */
export type PolicyWithRule =
  | {
      readonly isPossible: true;
      readonly yaml: string;
      readonly ruleSet: RuleSet;
      readonly decision: Decision;
    }
  | { readonly isPossible: false; readonly reason: string };

/**
 * Where a rule decides what it was drafted from: a denial first (it outranks the others anywhere), an allowance straight before the rule
 * that decides it now, so that it goes before as few as possible.
 */
function placeOf({ effect }: PolicyRule, { rules }: RuleSet, decidedBy: string): number {
  if (effect === "deny") return 0;
  const at = rules.findIndex(({ rule: { id } }) => id === decidedBy);
  return at === -1 ? rules.length : at;
}

/** Puts a drafted rule into a policy, so that it decides what it was drafted from unless a denial outranks it. */
export function insertRule(
  { yaml, ruleSet }: { readonly yaml: string; readonly ruleSet: RuleSet },
  rule: PolicyRule,
  facts: PolicyFacts,
): PolicyWithRule {
  const at = placeOf(rule, ruleSet, decide(facts, ruleSet).ruleId);
  const wanted = ruleSet.source.rules.toSpliced(at, 0, rule);
  let reason = "the text of the policy can't take it: add the rule by hand";
  for (const text of textsWith(yaml, rule, at)) {
    const read = readPolicy(text);
    // Whatever was written must say the same as before, and the rule: else it is not taken.
    if (read.isValid && isDeepStrictEqual(read.rules.rules, wanted))
      return { isPossible: true, yaml: text, ruleSet: read.ruleSet, decision: decide(facts, read.ruleSet) };
    if (!read.isValid) reason = `the policy would not be valid: ${read.issues[0]?.message ?? ""}`;
  }
  return { isPossible: false, reason };
}
