import type {
  PolicyRule,
  PolicyRules,
  RequestSubject,
  ToolClass,
  WorkerRequestKind,
} from "@agentvine/contracts";
import type { Condition } from "./condition/condition.ts";
import type { PathGlob } from "./matching/path-glob.ts";
import type { CommandPattern } from "./shell/command-pattern.ts";

/** A rule ready to be judged. */
export interface CompiledRule {
  readonly rule: PolicyRule;
  /** True when it lets something through: then everything about a call must match, else anything. */
  readonly isStrict: boolean;
  readonly kinds: ReadonlySet<WorkerRequestKind>;
  readonly subjects: ReadonlySet<RequestSubject>;
  readonly tools: readonly string[] | undefined;
  readonly toolClasses: ReadonlySet<ToolClass> | undefined;
  readonly commands: readonly CommandPattern[] | undefined;
  readonly paths: readonly PathGlob[] | undefined;
  readonly repositories: readonly string[] | undefined;
  readonly condition: Condition | undefined;
}

/** A checked rule set, to be compiled once and judged by many times. */
export interface RuleSet {
  readonly source: PolicyRules;
  readonly rules: readonly CompiledRule[];
}

/** What is wrong with a rule set, and where. */
export interface PolicyIssue {
  readonly ruleId: string | null;
  /** Keys and indexes from the top, e.g. `["rules", 2, "when"]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** The character within the value it is about, from 0. */
  readonly offset: number;
}

export type CompileResult =
  | { readonly isValid: true; readonly ruleSet: RuleSet }
  | { readonly isValid: false; readonly issues: readonly PolicyIssue[] };
