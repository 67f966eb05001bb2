/** Channel on which a change of the policy is told. */
export const policyChannel = "agentvine_policy_changed";
