import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Lang, parse } from "@ast-grep/napi";
import { listRepositoryFiles, repositoryRoot } from "../repository-files.ts";
import { type CheckResult, resultOf } from "./finding.ts";
import { type StaticRule, staticRules } from "./static-rules.ts";

const production =
  /^(?!packages\/testkit\/)(backend|workers|controller|cli|frontend|packages\/[^/]+)\/(src|bin)\/(?!.*(\.test\.tsx?$|\/testing\/))/;
const isCode = (path: string): boolean => /\.(tsx?|mts|cts|mjs|cjs|js)$/.test(path);

// A line above that ends in this, with a reason, takes the next line out of one rule.
const exception = /\/\/ security: ([a-z-]+) because (.{10,})$/;

/** Whether the line above says why the rule does not hold for this one. */
function isExcused(lines: readonly string[], line: number, rule: string): boolean {
  return exception.exec(lines[line - 1]?.trim() ?? "")?.[1] === rule;
}

/** Every place in the text that breaks a rule, as `path:line: rule: remedy`. */
export function findViolations(
  path: string,
  text: string,
  rules: readonly StaticRule[] = staticRules,
): string[] {
  const holding = rules.filter(({ files = production, hint }) => files.test(path) && hint.test(text));
  if (holding.length === 0) return [];
  const root = parse(path.endsWith("x") ? Lang.Tsx : Lang.TypeScript, text).root();
  const lines = text.split("\n");
  return holding.flatMap(({ id, remedy, pattern }) => {
    const starts = root.findAll(pattern).map((node) => node.range().start.line);
    return [...new Set(starts)]
      .filter((line) => !isExcused(lines, line, id))
      .map((line) => `${path}:${line + 1}: ${id}: ${remedy}`);
  });
}

/** Rules that no longer tell what breaks them from what does not. */
export function findBluntRules(rules: readonly StaticRule[] = staticRules): string[] {
  return rules.flatMap((rule) => {
    const own = [{ ...rule, files: /./ }];
    const caught = (code: string) => findViolations("planted.tsx", `${code}\n`, own).length > 0;
    return [
      ...rule.violations.filter((code) => !caught(code)).map((code) => `${rule.id} does not catch: ${code}`),
      ...rule.clean.filter((code) => caught(code)).map((code) => `${rule.id} catches what is fine: ${code}`),
    ];
  });
}

/** Looks through the code of the repository. */
export function checkStaticRules(root: string = repositoryRoot): CheckResult {
  const blunt = findBluntRules();
  const files = listRepositoryFiles(root).filter((path) => isCode(path) && !path.startsWith("samples/"));
  const findings = files.flatMap((path) => findViolations(path, readFileSync(join(root, path), "utf8")));
  return resultOf(`${staticRules.length} rules over ${files.length} files`, [...blunt, ...findings]);
}
