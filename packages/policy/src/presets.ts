import { readFileSync } from "node:fs";
import type { PolicyRules } from "@agentvine/contracts";
import { readPolicy } from "./policy-text.ts";
import type { RuleSet } from "./rule-set.ts";

/** The policies that come with the program. */
export const presetNames = ["default", "no-sandbox"] as const;
export type PresetName = (typeof presetNames)[number];

export interface Preset {
  readonly name: PresetName;
  /** As it is written, with its comments. */
  readonly yaml: string;
  readonly rules: PolicyRules;
  readonly ruleSet: RuleSet;
}

function load(name: PresetName): Preset {
  const yaml = readFileSync(new URL(`../presets/${name}.yaml`, import.meta.url), "utf8");
  const policy = readPolicy(yaml);
  if (!policy.isValid) {
    throw new Error(`the preset ${name} is not valid: ${policy.issues[0]?.message ?? ""}`);
  }
  return { name, yaml, rules: policy.rules, ruleSet: policy.ruleSet };
}

/** Both presets, read and checked. */
export const presets: Readonly<Record<PresetName, Preset>> = {
  default: load("default"),
  "no-sandbox": load("no-sandbox"),
};

/** True when a preset has this name. */
export const isPresetName = (name: string): name is PresetName =>
  (presetNames as readonly string[]).includes(name);
