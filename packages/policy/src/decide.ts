import type { Decision, OnTimeout, PolicyFacts, PolicyRule } from "@agentvine/contracts";
import { deadlineSecondsDefault } from "./deadline-issues.ts";
import { matchRule, Subject, type Verdict } from "./match-rule.ts";
import { Budget, OverBudget } from "./matching/budget.ts";
import { preAllowingRule } from "./pre-allowed.ts";
import type { CompiledRule, RuleSet } from "./rule-set.ts";

/** Ids of the decisions that no rule made. */
export const engineRuleIds = { noRule: "engine.no-rule", overBudget: "engine.over-budget" } as const;

const saidBy = ({ effect, reason, description, id }: PolicyRule): string =>
  reason ?? description ?? `${effect} by the rule ${id}`;

const onTimeoutDefault = (facts: PolicyFacts): OnTimeout =>
  facts.request.kind === "approval" ? "deny" : "no_answer";

function byRule(rule: PolicyRule, kind: Decision["kind"], reason: string, facts: PolicyFacts): Decision {
  return {
    kind,
    ruleId: rule.id,
    reason,
    deadlineSeconds: rule.deadlineSeconds ?? deadlineSecondsDefault,
    onTimeout: rule.onTimeout ?? onTimeoutDefault(facts),
    escalation: rule.escalation ?? [],
  };
}

const byEngine = (ruleId: string, reason: string, facts: PolicyFacts): Decision => ({
  kind: "human",
  ruleId,
  reason,
  deadlineSeconds: deadlineSecondsDefault,
  onTimeout: onTimeoutDefault(facts),
  escalation: [],
});

/** What a rule that is no denial makes of its verdict; undefined when it is not about the request. */
function outcomeOf({ rule }: CompiledRule, verdict: Verdict, subject: Subject): Decision | undefined {
  const { facts } = subject;
  if (verdict === "yes") {
    return byRule(rule, rule.effect, saidBy(rule), facts);
  }
  if (verdict === "no" || rule.effect === "allow") {
    return undefined;
  }
  const doubt = verdict === "failed" ? "Its condition could not be judged." : "";
  return byRule(rule, "human", [saidBy(rule), doubt].filter((part) => part !== "").join(" "), facts);
}

/** Says with a decision of a person what kept the rules from judging the shell line. */
function explained(decision: Decision, subject: Subject): Decision {
  const { lineReason } = subject;
  return decision.kind === "human" && lineReason !== undefined
    ? { ...decision, reason: `${decision.reason} The shell line can't be judged by a rule: ${lineReason}.` }
    : decision;
}

/** Judges every rule: the first that matches wins, a denial that matches outranks it, and one that might makes it a person's. */
export function decideInOrder(subject: Subject, { rules }: RuleSet): Decision {
  const { facts } = subject;
  let first: Decision | undefined;
  let doubtful: PolicyRule | undefined;
  for (const compiled of rules) {
    const { rule } = compiled;
    if (first !== undefined && rule.effect !== "deny") {
      continue;
    }
    const verdict = matchRule(compiled, subject);
    if (rule.effect !== "deny") {
      first = outcomeOf(compiled, verdict, subject);
    } else if (verdict === "yes" || verdict === "failed") {
      return byRule(rule, "deny", saidBy(rule), facts);
    } else if (verdict === "unclear") {
      doubtful ??= rule;
    }
  }
  if (doubtful !== undefined && first?.kind !== "human") {
    return explained(byRule(doubtful, "human", `The rule ${doubtful.id} may forbid this.`, facts), subject);
  }
  return explained(
    first ?? byEngine(engineRuleIds.noRule, "No rule is about this: a person decides.", facts),
    subject,
  );
}

/**
 * Where a request goes, or how it is settled at once. Pure: the same facts and rules give the same decision. It never throws, and what
 * can't be judged within its budget is a person's.
 */
export function decide(facts: PolicyFacts, ruleSet: RuleSet): Decision {
  const subject = new Subject(facts, new Budget());
  try {
    const { request, tool } = facts;
    if (request.kind === "approval" && request.subject === "tool_call" && tool !== null) {
      const rule = preAllowingRule(facts, tool.toolClass, ruleSet, new Budget());
      if (rule !== undefined) {
        return byRule(rule, "allow", saidBy(rule), facts);
      }
    }
    return decideInOrder(subject, ruleSet);
  } catch (error) {
    if (error instanceof OverBudget) {
      return byEngine(engineRuleIds.overBudget, "The rules take too long on this: a person decides.", facts);
    }
    throw error;
  }
}
