import type { PolicyRule, PolicyRules } from "@agentvine/contracts";
import type { PolicyIssue } from "./rule-set.ts";

/** How long a request may stay open when its rule does not say. */
export const deadlineSecondsDefault = 86_400;

type Problem = Pick<PolicyIssue, "path" | "message">;

/** What is wrong with the times of the steps: each counts from the beginning, and the request ends at its deadline. */
function stepProblems({ escalation = [], deadlineSeconds = deadlineSecondsDefault }: PolicyRule): Problem[] {
  return escalation.flatMap(({ afterSeconds }, index): Problem[] => {
    const path = ["escalation", index, "afterSeconds"];
    const before = escalation[index - 1]?.afterSeconds ?? 0;
    if (afterSeconds <= before) {
      const message = `all steps count from the beginning: say more than the ${before} of the step before`;
      return [{ path, message }];
    }
    if (afterSeconds >= deadlineSeconds) {
      const message = `the request ends after ${deadlineSeconds} seconds: say less, or raise deadlineSeconds`;
      return [{ path, message }];
    }
    return [];
  });
}

function problemsOf(rule: PolicyRule): Problem[] {
  if (rule.onTimeout === "escalate") {
    return stepProblems(rule);
  }
  const message = "it is never used: say onTimeout: escalate as well, or leave it out";
  return (rule.escalation ?? []).length === 0 ? [] : [{ path: ["escalation"], message }];
}

/**
 * What a rule says of deadlines and escalation that can't come to pass. Asked of what is written, not of what is compiled: versions that
 * were let through before go on deciding.
 */
export const deadlineIssues = ({ rules }: PolicyRules): PolicyIssue[] =>
  rules.flatMap((rule, index) =>
    problemsOf(rule).map(({ path, message }) => ({
      ruleId: rule.id,
      path: ["rules", index, ...path],
      message,
      offset: 0,
    })),
  );
