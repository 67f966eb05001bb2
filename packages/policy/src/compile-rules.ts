import {
  type PolicyRule,
  type PolicyRules,
  type RequestSubject,
  requestSubjects,
  type WorkerRequestKind,
  workerRequestKinds,
} from "@agentvine/contracts";
import { type Condition, ConditionError, compileCondition } from "./condition/condition.ts";
import { compileGlob, type PathGlob } from "./matching/path-glob.ts";
import type { CompiledRule, CompileResult, PolicyIssue } from "./rule-set.ts";
import { type CommandPattern, compileCommandPattern, tooWide } from "./shell/command-pattern.ts";

const lets = (effect: PolicyRule["effect"]): boolean => effect === "allow" || effect === "automated";

function kindsOf({ effect, kinds }: PolicyRule): readonly WorkerRequestKind[] {
  if (kinds !== undefined) {
    return kinds;
  }
  switch (effect) {
    case "allow":
      return ["approval"];
    case "automated":
      return ["clarification", "question"];
    default:
      return workerRequestKinds;
  }
}

/** A plan is only settled by a rule that speaks of plans. */
const subjectsOf = ({ effect, subjects }: PolicyRule): readonly RequestSubject[] =>
  subjects ?? (effect === "allow" ? ["tool_call"] : requestSubjects);

/** Compiles the rules one by one and gathers everything that is wrong with them. */
class Compiler {
  readonly issues: PolicyIssue[] = [];
  readonly #seen = new Set<string>();

  rule(rule: PolicyRule, index: number): CompiledRule {
    const at = ["rules", index] as const;
    this.#checkFields(rule, at);
    return {
      rule,
      isStrict: lets(rule.effect),
      kinds: new Set(kindsOf(rule)),
      subjects: new Set(subjectsOf(rule)),
      tools: rule.tools,
      toolClasses: rule.toolClasses === undefined ? undefined : new Set(rule.toolClasses),
      commands: this.#commands(rule, at),
      paths: this.#paths(rule, at),
      repositories: rule.repositories,
      condition: this.#condition(rule, at),
    };
  }

  #report(rule: PolicyRule, path: readonly (string | number)[], message: string, offset = 0): void {
    this.issues.push({ ruleId: rule.id, path, message, offset });
  }

  #checkFields(rule: PolicyRule, at: readonly (string | number)[]): void {
    if (this.#seen.has(rule.id)) {
      this.#report(rule, [...at, "id"], `another rule is called ${rule.id}`);
    }
    this.#seen.add(rule.id);
    if (rule.effect === "allow" && kindsOf(rule).some((kind) => kind !== "approval")) {
      this.#report(rule, [...at, "kinds"], "only an approval can be allowed; a question needs an answer");
    }
    if (rule.onTimeout === "escalate" && (rule.escalation ?? []).length === 0) {
      this.#report(rule, [...at, "onTimeout"], "escalate needs an escalation that says to whom");
    }
  }

  /** Reads each of the texts; what can't be read is reported where it stands. */
  #each<T>(
    rule: PolicyRule,
    path: readonly (string | number)[],
    texts: readonly string[] | undefined,
    read: (text: string) => T,
  ): T[] | undefined {
    return texts?.flatMap((text, index) => {
      try {
        return [read(text)];
      } catch (error) {
        this.#report(rule, [...path, index], error instanceof Error ? error.message : "it can't be read");
        return [];
      }
    });
  }

  #commands(rule: PolicyRule, at: readonly (string | number)[]): CommandPattern[] | undefined {
    return this.#each(rule, [...at, "commands"], rule.commands, (text) => {
      const pattern = compileCommandPattern(text);
      const reason = lets(rule.effect) ? tooWide(pattern) : undefined;
      if (reason !== undefined) {
        throw new Error(reason);
      }
      return pattern;
    });
  }

  #paths(rule: PolicyRule, at: readonly (string | number)[]): PathGlob[] | undefined {
    return this.#each(rule, [...at, "paths"], rule.paths, compileGlob);
  }

  #condition(rule: PolicyRule, at: readonly (string | number)[]): Condition | undefined {
    if (rule.when === undefined) {
      return undefined;
    }
    try {
      return compileCondition(rule.when);
    } catch (error) {
      const offset = error instanceof ConditionError ? error.offset : 0;
      this.#report(
        rule,
        [...at, "when"],
        error instanceof Error ? error.message : "it can't be read",
        offset,
      );
      return undefined;
    }
  }
}

/** Checks the rules (types of conditions, patterns, globs) and makes them ready to be judged by, or says what is wrong and where. */
export function compileRules(source: PolicyRules): CompileResult {
  const compiler = new Compiler();
  const rules = source.rules.map((rule, index) => compiler.rule(rule, index));
  return compiler.issues.length === 0
    ? { isValid: true, ruleSet: { source, rules } }
    : { isValid: false, issues: compiler.issues };
}
