import { type PolicyFacts, type PolicyRule, policyRuleSchema } from "@agentvine/contracts";
import { compileRules } from "../compile-rules.ts";
import { decide } from "../decide.ts";
import { type CallConditions, callConditions, celText } from "./draft-call.ts";
import { NotDraftable } from "./not-draftable.ts";

/** The narrowest rule that would have answered a request, or why there is none. */
export type DraftedRule =
  | { readonly isPossible: true; readonly rule: PolicyRule }
  | { readonly isPossible: false; readonly reason: string };

export interface DraftWish {
  readonly decision: "allow" | "deny";
  /** Told with the rule's decisions. */
  readonly description: string;
  /** Makes the id of the rule one of its own: small letters and digits. */
  readonly suffix: string;
}

const slugMax = 50;
const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, slugMax)
    .replaceAll(/^-+|-+$/g, "") || "call";

const star = (text: string): boolean => text.includes("*");

/** Whom the rule is about besides the call. What people alone decide stays theirs, and a sandbox that was there must be there. */
function circumstances({ task, worker }: PolicyFacts, decision: "allow" | "deny"): string[] {
  const ofType = `task.type == ${celText(task.type)}`;
  if (decision === "deny") return [ofType];
  return [
    ofType,
    'task.permissionLevel != "human_required"',
    'task.priority != "critical"',
    ...(worker.isConfined ? ["worker.isConfined"] : []),
  ];
}

function assertDraftable({ request, tool, task, repository }: PolicyFacts, { decision }: DraftWish): void {
  if (request.kind !== "approval" || request.subject !== "tool_call" || tool === null)
    throw new NotDraftable("only a call of a tool is decided by a rule; a plan is a person's each time");
  if (decision === "allow" && (task.permissionLevel === "human_required" || task.priority === "critical"))
    throw new NotDraftable("people decide each call of a task that is human_required or critical");
  if (star(tool.name) || star(repository.key))
    throw new NotDraftable("the name of its tool or repository holds a *");
}

function ruleOf(facts: PolicyFacts, tool: NonNullable<PolicyFacts["tool"]>, wish: DraftWish): PolicyRule {
  const { decision, description, suffix } = wish;
  const { condition, ...patterns }: CallConditions = callConditions(tool, decision);
  const about = patterns.commands?.[0] ?? tool.command ?? `${tool.name} ${tool.paths.join(" ")}`;
  const when = [...circumstances(facts, decision), ...(condition === undefined ? [] : [condition])];
  const parsed = policyRuleSchema.safeParse({
    id: `${decision}.${slugOf(about)}.${suffix}`,
    description,
    effect: decision,
    kinds: ["approval"],
    subjects: ["tool_call"],
    tools: [tool.name],
    toolClasses: [tool.toolClass],
    ...patterns,
    repositories: [facts.repository.key],
    when: when.join(" && "),
  });
  if (!parsed.success) throw new NotDraftable("it is too long for a rule");
  return parsed.data;
}

/** Alone in a policy, the rule must decide the request it is drafted from: what it says is then what was meant. */
function assertDecides(rule: PolicyRule, facts: PolicyFacts): void {
  const compiled = compileRules({ rules: [rule] });
  if (!compiled.isValid)
    throw new NotDraftable(compiled.issues[0]?.message ?? "the rule would not be a valid one");
  const { kind, ruleId } = decide(facts, compiled.ruleSet);
  if (kind !== rule.effect || ruleId !== rule.id)
    throw new NotDraftable("a rule would not be sure to know it again");
}

/**
 * The narrowest rule that would have answered this request as a person did: this tool and class, exactly these words (or this very line,
 * or these paths), in this repository, for this type of task. Nothing is drafted for what can't be told from other calls.
 */
export function draftRule(facts: PolicyFacts, wish: DraftWish): DraftedRule {
  try {
    assertDraftable(facts, wish);
    if (facts.tool === null) throw new NotDraftable("there is no call");
    const rule = ruleOf(facts, facts.tool, wish);
    assertDecides(rule, facts);
    return { isPossible: true, rule };
  } catch (error) {
    if (error instanceof NotDraftable) return { isPossible: false, reason: error.message };
    throw error;
  }
}
