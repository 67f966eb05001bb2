import { AppError } from "@agentvine/kit";
import type { PolicyTextIssue } from "@agentvine/policy";

/** Channel on which a change of the policy is told. */
export const policyChannel = "agentvine_policy_changed";

/** Refuses a policy with every problem and its place. */
export const invalidPolicy = (issues: readonly PolicyTextIssue[]): AppError => {
  const [first] = issues;
  return new AppError(
    "policy.invalid",
    `The policy can't be used: line ${first?.line ?? 1}, column ${first?.column ?? 1}: ${first?.message ?? ""}.`,
    { issues: issues.map(({ path, message }) => ({ path, message })), data: { issues } },
  );
};
