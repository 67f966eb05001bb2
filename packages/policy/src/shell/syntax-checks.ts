import type { SyntaxNode } from "unbash";
import { isHarmlessVariable, isLocalVariable } from "./variables.ts";

type NodeType = SyntaxNode["type"];
type NodeOf<T extends NodeType> = Extract<SyntaxNode, { type: T }>;
/** Says why a part of this kind can't be judged; undefined when it can. */
type Check<T extends NodeType> = (node: NodeOf<T>) => string | undefined;

/** Numbers and operators; a name could hold a command that the shell runs while it counts. */
const plainArithmetic = /^\$\(\([\d\s+\-*/%<>=!&|^~?:()]*\)\)$/;
const plainUnaryTests = new Set(["-e", "-f", "-d", "-r", "-w", "-x", "-s", "-n", "-z", "-L", "-h"]);
const plainBinaryTests = new Set(["=", "==", "!=", "<", ">"]);

const fine = (): undefined => undefined;
const testReason = "a test may run commands while it compares";

/** Why setting the variable makes the rest of the line unclear. */
export const variableReason = (name: string): string | undefined =>
  isLocalVariable(name) || isHarmlessVariable(name)
    ? undefined
    : `it sets ${name}, which may change what other commands do`;

/**
 * The parts of a line that can be judged. What is not listed can't be: functions, coprocesses, `((`, `$'…'`, extended globs and whatever
 * a later version of the parser learns. bash and sh read these apart, or they change what other commands mean.
 */
const checks: { readonly [T in NodeType]?: Check<T> } = {
  Script: ({ errors }) =>
    errors?.[0] === undefined ? undefined : `it is no valid shell line: ${errors[0].message}`,
  Statement: fine,
  CompoundList: fine,
  AndOr: fine,
  Pipeline: fine,
  Negation: fine,
  Time: fine,
  If: fine,
  Elif: fine,
  While: fine,
  Subshell: fine,
  BraceGroup: fine,
  Case: fine,
  CaseItem: fine,
  Redirected: fine,
  Command: fine,
  For: ({ name }) => variableReason(name.value),
  Assignment: ({ index, text }) =>
    index === undefined ? undefined : `${text} may run commands while it is set`,
  ArrayValue: fine,
  Redirect: ({ target, descriptor }) =>
    target === undefined || descriptor?.type === "FileDescriptorVariable"
      ? "a redirection can't be read"
      : undefined,
  FileDescriptor: fine,
  HereString: fine,
  HereDoc: ({ closing }) => (closing === undefined ? "a here-document has no end" : undefined),
  HereDocDelimiter: fine,
  HereDocBody: fine,
  Word: fine,
  Literal: fine,
  Glob: fine,
  SingleQuoted: fine,
  DoubleQuoted: fine,
  SimpleExpansion: fine,
  BraceExpansion: fine,
  CommandExpansion: ({ script, text }) => (script === undefined ? `${text} can't be read` : undefined),
  ProcessSubstitution: ({ script, text }) => (script === undefined ? `${text} can't be read` : undefined),
  ParameterExpansion: ({ prefix, index, text }) =>
    prefix === "!" || index !== undefined ? `${text} may run commands while it is expanded` : undefined,
  Default: ({ operator }) => (operator.endsWith("=") ? "a variable is set while it is read" : undefined),
  Remove: fine,
  Replace: fine,
  CaseModification: fine,
  ArithmeticExpansion: ({ text }) =>
    plainArithmetic.test(text) ? undefined : `${text} may run commands while it counts`,
  TestCommand: fine,
  TestUnary: ({ operator }) => (plainUnaryTests.has(operator) ? undefined : testReason),
  TestBinary: ({ operator }) => (plainBinaryTests.has(operator) ? undefined : testReason),
  TestLogical: fine,
  TestNot: fine,
  TestGroup: fine,
};

/** Why this part of a line can't be judged, not looking at what it holds; undefined when it can. */
export function refusalOf(node: SyntaxNode): string | undefined {
  const check = checks[node.type] as Check<NodeType> | undefined;
  return check === undefined ? `it uses ${node.type}, whose effect can't be told beforehand` : check(node);
}
