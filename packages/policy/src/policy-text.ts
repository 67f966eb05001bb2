import { type PolicyRules, policyRulesSchema } from "@agentvine/contracts";
import { type Document, isScalar, LineCounter, parseDocument, Scalar } from "yaml";
import { compileRules } from "./compile-rules.ts";
import { deadlineIssues } from "./deadline-issues.ts";
import type { PolicyIssue, RuleSet } from "./rule-set.ts";

/** Largest policy, in characters. */
export const policyCharactersMax = 262_144;

/** What is wrong with a policy and where; lines and columns count from 1. */
export interface PolicyTextIssue {
  readonly line: number;
  readonly column: number;
  readonly ruleId: string | null;
  /** The field, e.g. `rules.2.when`; empty for the text as a whole. */
  readonly path: string;
  readonly message: string;
}

export type ReadPolicy =
  | { readonly isValid: true; readonly rules: PolicyRules; readonly ruleSet: RuleSet }
  | { readonly isValid: false; readonly issues: readonly PolicyTextIssue[] };

const issuesMax = 100;

/** Where a character of a value stands in the text. */
function offsetWithin(text: string, node: Scalar, offset: number): number {
  const start = node.range?.[0] ?? 0;
  const value = typeof node.value === "string" ? node.value : "";
  const isQuoted = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE;
  const begin = isQuoted ? start + 1 : start;
  if (text.startsWith(value, begin)) {
    return begin + offset;
  }
  if (node.type !== Scalar.BLOCK_LITERAL) {
    return start;
  }
  // The lines of a block begin after its mark, each behind the same number of spaces.
  const before = value.slice(0, offset);
  const lineIndex = before.split("\n").length - 1;
  const lineStart = Array.from({ length: lineIndex + 1 }).reduce(
    (at: number) => text.indexOf("\n", at) + 1,
    start,
  );
  const indent = /^ */.exec(text.slice(lineStart))?.[0].length ?? 0;
  return lineStart + indent + (before.length - (before.lastIndexOf("\n") + 1));
}

/** The place of a field, or of the nearest thing around it that is there. */
function placeOf(document: Document, text: string, path: readonly PropertyKey[], offset: number): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isScalar(node) && length === path.length) {
      return offsetWithin(text, node, offset);
    }
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) {
      return Number(node.range[0]);
    }
  }
  return 0;
}

const ruleIdAt = (value: unknown, path: readonly PropertyKey[]): string | null => {
  const rules: unknown =
    typeof value === "object" && value !== null && "rules" in value ? value.rules : undefined;
  const rule: unknown = Array.isArray(rules) && path[0] === "rules" ? rules[Number(path[1])] : undefined;
  const id: unknown = typeof rule === "object" && rule !== null && "id" in rule ? rule.id : undefined;
  return typeof id === "string" ? id : null;
};

class PolicyText {
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  constructor(text: string) {
    this.#text = text;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  read(): ReadPolicy {
    const { errors } = this.#document;
    if (errors.length > 0) {
      return this.#refused(errors.map(({ pos, message }) => this.#at(pos[0], null, "", message)));
    }
    const value = this.#value();
    if (value === undefined) {
      return this.#refused([this.#at(0, null, "", "aliases are not taken")]);
    }
    const parsed = policyRulesSchema.safeParse(value.content);
    if (!parsed.success) {
      return this.#refused(
        parsed.error.issues.map(({ path, message }) =>
          this.#placed({ path, message, ruleId: ruleIdAt(value.content, path), offset: 0 }),
        ),
      );
    }
    const compiled = compileRules(parsed.data);
    const issues = [...(compiled.isValid ? [] : compiled.issues), ...deadlineIssues(parsed.data)];
    return compiled.isValid && issues.length === 0
      ? { isValid: true, rules: parsed.data, ruleSet: compiled.ruleSet }
      : this.refused(issues);
  }

  refused(issues: readonly PolicyIssue[]): Extract<ReadPolicy, { isValid: false }> {
    return this.#refused(issues.map((issue) => this.#placed(issue)));
  }

  #value(): { content: unknown } | undefined {
    try {
      // An alias may stand for a text that grows with every level; nobody needs one here.
      return { content: this.#document.toJS({ maxAliasCount: 0 }) };
    } catch {
      return undefined;
    }
  }

  #refused(issues: readonly PolicyTextIssue[]): Extract<ReadPolicy, { isValid: false }> {
    const inOrder = issues.toSorted((left, right) => left.line - right.line || left.column - right.column);
    return { isValid: false, issues: inOrder.slice(0, issuesMax) };
  }

  #placed(issue: Omit<PolicyIssue, "path"> & { path: readonly PropertyKey[] }): PolicyTextIssue {
    const at = placeOf(this.#document, this.#text, issue.path, issue.offset);
    return this.#at(at, issue.ruleId, issue.path.map(String).join("."), issue.message);
  }

  #at(offset: number, ruleId: string | null, path: string, message: string): PolicyTextIssue {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), ruleId, path, message };
  }
}

/** Reads a policy written in YAML and checks all of it, or says what is wrong with line and column. */
export function readPolicy(text: string): ReadPolicy {
  if (text.length > policyCharactersMax) {
    const message = `a policy has at most ${policyCharactersMax} characters`;
    return { isValid: false, issues: [{ line: 1, column: 1, ruleId: null, path: "", message }] };
  }
  return new PolicyText(text).read();
}

/** What is wrong with a valid policy for reasons that the text alone does not show, with line and column. */
export const placeIssues = (text: string, issues: readonly PolicyIssue[]): readonly PolicyTextIssue[] =>
  new PolicyText(text).refused(issues).issues;
