import type { PolicyRule } from "@agentvine/contracts";
import { type Document, isMap, isNode, isSeq, parseDocument, stringify, type YAMLSeq } from "yaml";

interface Place {
  readonly text: string;
  readonly list: YAMLSeq;
  readonly at: number;
}

const isFiller = (line: string): boolean => /^\s*(#.*)?$/.test(line);
const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length - 1;
const rangeOf = (item: unknown) => (isNode(item) ? (item.range ?? undefined) : undefined);

/** The line before which the new one goes: above the comments of the rule that follows, or below the last rule. */
function lineFor({ text, list, at }: Place): number | undefined {
  const next = rangeOf(list.items[at]);
  if (next === undefined) {
    const last = rangeOf(list.items.at(-1));
    return last && lineAt(text, last[1] - 1) + 1;
  }
  const lines = text.split("\n");
  let line = lineAt(text, next[0]);
  while (isFiller(lines[line - 1] ?? "x")) line -= 1;
  return line;
}

/** A rule as an item of a policy's list is written, in YAML. */
export const ruleText = (rule: PolicyRule): string => stringify([rule], { lineWidth: 0 });

/** Writes the rule between the lines of the others; what is there stays as it is, to the character. */
function spliced(place: Place, rule: PolicyRule): string | undefined {
  const { text, list, at } = place;
  const first = rangeOf(list.items[0]);
  const line = lineFor(place);
  if (list.flow === true || first === undefined || line === undefined) return undefined;
  const lines = text.split("\n");
  const indent = /^\s*/.exec(lines[lineAt(text, first[0])] ?? "")?.[0] ?? "";
  const own = ruleText(rule).trimEnd().split("\n");
  const block = own.map((part) => `${indent}${part}`);
  const isFollowed = line < lines.length && lines[line] !== "";
  return lines.toSpliced(line, 0, ...(at > 0 ? [""] : []), ...block, ...(isFollowed ? [""] : [])).join("\n");
}

/** Writes the whole text anew: comments stay, the form of lists may change. */
function rewritten(document: Document, { list, at }: Place, rule: PolicyRule): string {
  list.flow = false;
  list.items.splice(at, 0, document.createNode(rule));
  return document.toString({ lineWidth: 0 });
}

/** The policy's text with the rule at that place of its list, in the ways there are, the most careful first. */
export function* textsWith(yaml: string, rule: PolicyRule, at: number): Generator<string> {
  const document = parseDocument(yaml);
  const root = document.contents;
  const list = isMap(root) ? root.get("rules") : undefined;
  if (!isSeq(list)) return;
  const place: Place = { text: yaml, list, at };
  const careful = spliced(place, rule);
  if (careful !== undefined) yield careful;
  yield rewritten(document, place, rule);
}
