import type { PolicyFacts, PolicyRule } from "@agentvine/contracts";
import { compileRules } from "../compile-rules.ts";
import type { RuleSet } from "../rule-set.ts";

/** The facts of an approval for a shell line, unless told otherwise. */
export function someFacts(
  changed: {
    request?: Partial<PolicyFacts["request"]>;
    tool?: Partial<NonNullable<PolicyFacts["tool"]>> | null;
    task?: Partial<PolicyFacts["task"]>;
    worker?: Partial<PolicyFacts["worker"]>;
    repository?: Partial<PolicyFacts["repository"]>;
  } = {},
): PolicyFacts {
  return {
    request: {
      kind: "approval",
      subject: "tool_call",
      question: "May I?",
      options: [],
      reason: "",
      ...changed.request,
    },
    tool:
      changed.tool === null
        ? null
        : {
            name: "bash",
            toolClass: "command",
            command: "npm test",
            paths: [],
            arguments: {},
            ...changed.tool,
          },
    task: {
      type: "feature",
      priority: "normal",
      permissionLevel: "supervised",
      title: "A task",
      ...changed.task,
    },
    worker: { name: "w1", labels: [], sandbox: "bubblewrap", isConfined: true, ...changed.worker },
    repository: { url: "https://git.example/shop.git", key: "git.example/shop", ...changed.repository },
  };
}

/** The facts of a clarification. */
export const aClarification = (changed: Parameters<typeof someFacts>[0] = {}): PolicyFacts =>
  someFacts({
    ...changed,
    request: { kind: "clarification", subject: "text", ...changed.request },
    tool: null,
  });

/** The rules, compiled; they must be valid. */
export function ruleSetOf(...rules: PolicyRule[]): RuleSet {
  const result = compileRules({ rules });
  if (!result.isValid) {
    throw new Error(result.issues.map(({ message }) => message).join("; "));
  }
  return result.ruleSet;
}
