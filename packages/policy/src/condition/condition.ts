import {
  type ASTNode,
  TypeError as CelTypeError,
  type Environment,
  EvaluationError,
  ParseError,
} from "@marcbachmann/cel-js";
import type { Budget } from "../matching/budget.ts";
import { OverBudget } from "../matching/budget.ts";
import { conditionEnvironment, safeMatches } from "./environment.ts";
import { compileExpression, occursIn } from "./regular-expressions.ts";

/** A condition that was found to be well-formed, of the right types and bounded. */
export interface Condition {
  readonly text: string;
  /** True when it looks at the request or at the call, not only at task, worker and repository. */
  readonly looksAtCall: boolean;
  /** Steps it takes for each path, option or label it goes through; 0 when it goes through none. */
  readonly stepsPerItem: number;
  /** @throws when a field it asks for is not there, or it takes too long */
  readonly holds: (values: Record<string, unknown>, budget: Budget) => boolean;
}

/** A condition that can't be used, with the character it is about. */
export class ConditionError extends Error {
  override readonly name = "ConditionError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const charactersMax = 2_000;
const operators = new Set([
  "value",
  "id",
  ".",
  "[]",
  "list",
  "?:",
  "||",
  "&&",
  "!_",
  "==",
  "!=",
  "in",
  "<",
  "<=",
  ">",
  ">=",
  "call",
  "rcall",
]);
const functions = new Set(["size", "has"]);
const methods = new Set([
  "contains",
  "startsWith",
  "endsWith",
  "matches",
  "size",
  "all",
  "exists",
  "exists_one",
]);
const loops = new Set(["all", "exists", "exists_one"]);
/** What may be gone through: lists whose length is bounded. */
const loopLists = new Set(["tool.paths", "request.options", "worker.labels"]);

interface Replacement {
  readonly start: number;
  readonly end: number;
}

interface Findings {
  readonly roots: Set<string>;
  readonly patterns: Map<string, ReturnType<typeof compileExpression>>;
  readonly replacements: Replacement[];
  stepsPerItem: number;
}

const refuse = (message: string, node: ASTNode): never => {
  throw new ConditionError(message, node.start);
};

const dotted = (node: ASTNode): string =>
  node.op === "." ? `${dotted(node.args[0])}.${node.args[1]}` : node.op === "id" ? node.args : "";

/** Walks the expression: only what is bounded and sure to be understood is let through. */
class Inspector {
  readonly findings: Findings = { roots: new Set(), patterns: new Map(), replacements: [], stepsPerItem: 0 };
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  visit(node: ASTNode, bound: ReadonlySet<string>): number {
    if (!operators.has(node.op)) {
      refuse(`\`${node.op.replace("_", "")}\` can't be used in a condition`, node);
    }
    switch (node.op) {
      case "value":
        return 1;
      case "id":
        if (!bound.has(node.args)) this.findings.roots.add(node.args);
        return 1;
      case ".":
        return 1 + this.visit(node.args[0], bound);
      case "call":
        return this.#call(node.args[0], node.args[1], node, bound);
      case "rcall":
        return this.#method(node.args[0], node.args[1], node.args[2], node, bound);
      case "!_":
        return 1 + this.visit(node.args, bound);
      default:
        return 1 + this.#all(node.args as readonly ASTNode[], bound);
    }
  }

  #all(nodes: readonly ASTNode[], bound: ReadonlySet<string>): number {
    return nodes.reduce((sum, node) => sum + this.visit(node, bound), 0);
  }

  #call(name: string, args: readonly ASTNode[], node: ASTNode, bound: ReadonlySet<string>): number {
    if (!functions.has(name)) refuse(`there is no function ${name} in conditions`, node);
    return 1 + this.#all(args, bound);
  }

  #method(
    name: string,
    receiver: ASTNode,
    args: readonly ASTNode[],
    node: ASTNode,
    bound: ReadonlySet<string>,
  ): number {
    if (!methods.has(name)) refuse(`there is no method ${name} in conditions`, node);
    if (loops.has(name)) return this.#loop(name, receiver, args, node, bound);
    if (name === "matches") this.#pattern(receiver, args, node);
    return 1 + this.visit(receiver, bound) + this.#all(args, bound);
  }

  #loop(
    name: string,
    receiver: ASTNode,
    args: readonly ASTNode[],
    node: ASTNode,
    bound: ReadonlySet<string>,
  ): number {
    const [variable, body] = args;
    if (bound.size > 0) refuse(`${name} within another one would take too long`, node);
    if (!loopLists.has(dotted(receiver)) && receiver.op !== "list") {
      refuse(`${name} goes through ${[...loopLists].join(", ")} or a list that is written out`, receiver);
    }
    if (variable?.op !== "id" || body === undefined || args.length !== 2) {
      return refuse(`${name} takes a name and a condition`, node);
    }
    const steps = this.visit(receiver, bound) + this.visit(body, new Set([variable.args]));
    this.findings.stepsPerItem += steps;
    return 1 + steps;
  }

  #pattern(receiver: ASTNode, args: readonly ASTNode[], node: ASTNode): void {
    const [pattern] = args;
    if (pattern?.op !== "value" || typeof pattern.args !== "string" || args.length !== 1) {
      refuse("matches takes a regular expression that is written out", node);
      return;
    }
    try {
      this.findings.patterns.set(pattern.args, compileExpression(pattern.args));
    } catch (error) {
      refuse(error instanceof Error ? error.message : "the regular expression is not valid", pattern);
    }
    const start = this.#source.indexOf("matches", receiver.end);
    // A comment in between may hold the word too, and the call itself would stay with an engine that knows no bounds.
    if (!/^[\s)]*\.\s*$/.test(this.#source.slice(receiver.end, start))) {
      refuse("write .matches right behind what it looks at", node);
    }
    this.findings.replacements.push({ start, end: start + "matches".length });
  }
}

function withSafeMatches(source: string, replacements: readonly Replacement[]): string {
  const fromTheEnd = replacements.toSorted((left, right) => right.start - left.start);
  return fromTheEnd.reduce(
    (text, { start, end }) => text.slice(0, start) + safeMatches + text.slice(end),
    source,
  );
}

const asConditionError = (error: unknown): ConditionError => {
  if (error instanceof ParseError || error instanceof CelTypeError || error instanceof EvaluationError) {
    return new ConditionError(error.summary, error.range?.start ?? 0);
  }
  return error instanceof ConditionError ? error : new ConditionError("it can't be read", 0);
};

const neverMatches = (): boolean => false;

function inspect(text: string): Findings {
  const parsed = conditionEnvironment(neverMatches).parse(text);
  const inspector = new Inspector(text);
  inspector.visit(parsed.ast, new Set());
  const { valid, type, error } = parsed.check();
  if (!valid && error !== undefined) throw error;
  if (type !== "bool") throw new ConditionError(`it must be true or false, not ${type ?? "unknown"}`, 0);
  return inspector.findings;
}

/** Reads and checks a condition. @throws ConditionError with the place */
export function compileCondition(text: string): Condition {
  if (text.length > charactersMax) {
    throw new ConditionError(`it is longer than ${charactersMax} characters`, charactersMax);
  }
  try {
    const findings = inspect(text);
    const { patterns, stepsPerItem, roots } = findings;
    // Conditions are judged one after the other, never within each other.
    let current: Budget | undefined;
    const matches = (subject: string, pattern: string): boolean => {
      const expression = patterns.get(pattern);
      if (expression === undefined || current === undefined)
        throw new OverBudget("an expression nobody checked");
      return occursIn(expression, subject, current);
    };
    const environment: Environment = conditionEnvironment(matches);
    const evaluate = environment.parse(withSafeMatches(text, findings.replacements));
    evaluate.check();
    const holds = (values: Record<string, unknown>, budget: Budget): boolean => {
      current = budget;
      const result: unknown = evaluate(values);
      if (typeof result !== "boolean") throw new Error("it is neither true nor false");
      return result;
    };
    return { text, looksAtCall: roots.has("request") || roots.has("tool"), stepsPerItem, holds };
  } catch (error) {
    throw asConditionError(error);
  }
}
