export { compileRules } from "./compile-rules.ts";
export { decide, engineRuleIds } from "./decide.ts";
export { type NamedPerson, peopleNamedBy } from "./named-people.ts";
export {
  type PolicyTextIssue,
  placeIssues,
  policyCharactersMax,
  type ReadPolicy,
  readPolicy,
} from "./policy-text.ts";
export { preAllowed } from "./pre-allowed.ts";
export { isPresetName, type Preset, type PresetName, presetNames, presets } from "./presets.ts";
export { type DraftedRule, type DraftWish, draftRule } from "./proposal/draft-rule.ts";
export { insertRule, type PolicyWithRule } from "./proposal/insert-rule.ts";
export { ruleText } from "./proposal/insert-text.ts";
export type { CompileResult, PolicyIssue, RuleSet } from "./rule-set.ts";
export { readShellLine } from "./shell/read-shell-line.ts";
export type { ReadLine, ShellLine, SimpleCommand } from "./shell/shell-line.ts";
