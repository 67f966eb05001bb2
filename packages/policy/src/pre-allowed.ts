import {
  type PolicyContext,
  type PolicyRule,
  type PreAllowedClass,
  type ToolClass,
  toolClasses,
} from "@agentvine/contracts";
import { conditionValues } from "./condition/environment.ts";
import { conditionVerdict, type Verdict } from "./match-rule.ts";
import { Budget, OverBudget } from "./matching/budget.ts";
import { matchesWildcard } from "./matching/wildcard.ts";
import type { CompiledRule, RuleSet } from "./rule-set.ts";

interface Context {
  readonly values: Record<string, unknown>;
  readonly key: string;
  readonly labels: number;
  readonly budget: Budget;
}

/** Whether the rule is about every call of the class (`yes`), about none (`no`), or it depends on the call. */
function verdictOnClass(rule: CompiledRule, toolClass: ToolClass, context: Context): Verdict {
  const { values, key, labels, budget } = context;
  if (
    !rule.kinds.has("approval") ||
    !rule.subjects.has("tool_call") ||
    rule.toolClasses?.has(toolClass) === false ||
    rule.repositories?.some((pattern) => matchesWildcard(pattern, key, budget)) === false
  ) {
    return "no";
  }
  if (rule.condition?.looksAtCall === true) {
    return "unclear";
  }
  const ofCondition = conditionVerdict(rule, values, Math.max(labels, 1), budget);
  if (ofCondition !== "yes") {
    return ofCondition;
  }
  const looksAtCall = rule.tools !== undefined || rule.commands !== undefined || rule.paths !== undefined;
  return looksAtCall ? "unclear" : "yes";
}

function firstToAllow(toolClass: ToolClass, ruleSet: RuleSet, context: Context): PolicyRule | undefined {
  let found: PolicyRule | undefined;
  let isDecided = false;
  for (const compiled of ruleSet.rules) {
    const { rule } = compiled;
    if (isDecided && rule.effect !== "deny") {
      continue;
    }
    const verdict = verdictOnClass(compiled, toolClass, context);
    if (rule.effect === "deny" && verdict !== "no") {
      return undefined;
    }
    if (rule.effect === "allow" && verdict === "yes") {
      found = rule;
      isDecided = true;
    } else if (rule.effect !== "allow" && verdict !== "no") {
      isDecided = true;
    }
  }
  return found;
}

const contextOf = (facts: PolicyContext, budget: Budget): Context => ({
  values: conditionValues({ task: facts.task, worker: facts.worker, repository: facts.repository }),
  key: facts.repository.key,
  labels: facts.worker.labels.length,
  budget,
});

/** The rule that allows every call of the class under these facts, if there is one. @throws OverBudget */
export const preAllowingRule = (
  facts: PolicyContext,
  toolClass: ToolClass,
  ruleSet: RuleSet,
  budget: Budget,
): PolicyRule | undefined => firstToAllow(toolClass, ruleSet, contextOf(facts, budget));

/**
 * The tool classes that need no approval under these facts: those of which `decide` would allow every possible call. A rule that looks
 * at the call allows none beforehand, and a denial that might match keeps its classes out.
 */
export function preAllowed(facts: PolicyContext, ruleSet: RuleSet): PreAllowedClass[] {
  try {
    const context = contextOf(facts, new Budget());
    return toolClasses.flatMap((toolClass) => {
      const rule = firstToAllow(toolClass, ruleSet, context);
      return rule === undefined ? [] : [{ toolClass, ruleId: rule.id }];
    });
  } catch (error) {
    if (error instanceof OverBudget) {
      return [];
    }
    throw error;
  }
}
