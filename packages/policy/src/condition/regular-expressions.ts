import { RE2JS } from "re2js";
import type { Budget } from "../matching/budget.ts";

/** Steps of the budget per character that is looked at. */
const stepsPerCharacter = 10;

/**
 * Compiles a regular expression of RE2: it takes time in proportion to the text and never more, and knows no back-references and no
 * look-around. @throws Error saying what is wrong
 */
export const compileExpression = (pattern: string): RE2JS => RE2JS.compile(pattern);

/** Whether the expression occurs in the text. @throws OverBudget */
export function occursIn(expression: RE2JS, text: string, budget: Budget): boolean {
  budget.spend(1 + text.length * stepsPerCharacter);
  return expression.matcher(text).find();
}
