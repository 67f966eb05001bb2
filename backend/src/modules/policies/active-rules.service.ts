import type { Clock } from "@agentvine/kit";
import { compileRules, type RuleSet } from "@agentvine/policy";
import type { Db, Tx } from "../../database/client.ts";
import type { Notifications } from "../../database/notifications.ts";
import { findActiveVersion, findPolicy } from "./policy.repository.ts";
import { policyChannel } from "./policy.ts";

/** The rules that apply, and of which version they are. */
export interface ActiveRules {
  readonly version: number;
  readonly ruleSet: RuleSet;
}

export interface ActiveRulesService {
  /** What applies as this transaction sees it: one small statement, the rules are compiled once per version. */
  activeRules(tx: Tx | Db): Promise<ActiveRules>;
  /** What applied within the last second, without a statement but for the first call after a change. */
  recentRules(): Promise<ActiveRules>;
}

export interface ActiveRulesDeps {
  db: Db;
  clock: Pick<Clock, "monotonicMs">;
  notifications: Pick<Notifications, "on">;
}

/** How long what was read is taken to hold; a change is told at once, this is for news that got lost. */
const recentMsMax = 1_000;
const versionsMax = 20;

/** Compiles the rules of each version once and keeps the latest. */
export function createActiveRulesService(deps: ActiveRulesDeps): ActiveRulesService {
  const { db, clock } = deps;
  const compiled = new Map<number, RuleSet>();
  let recent: { rules: ActiveRules; untilMs: number } | undefined;
  let reading: Promise<ActiveRules> | undefined;
  let changes = 0;
  deps.notifications.on(policyChannel, () => {
    changes += 1;
    recent = undefined;
    reading = undefined;
  });

  const ruleSetOf = async (tx: Tx | Db, version: number): Promise<RuleSet> => {
    const known = compiled.get(version);
    if (known !== undefined) {
      return known;
    }
    const row = await findPolicy(tx, version);
    const result = row === undefined ? undefined : compileRules(row.rules);
    if (result?.isValid !== true) {
      throw new Error(`version ${version} of the policy can't be used by this version of the program`);
    }
    const [oldest] = compiled.keys();
    if (compiled.size >= versionsMax && oldest !== undefined) {
      compiled.delete(oldest);
    }
    compiled.set(version, result.ruleSet);
    return result.ruleSet;
  };

  const activeRules = async (tx: Tx | Db): Promise<ActiveRules> => {
    const version = await findActiveVersion(tx);
    if (version === undefined) {
      throw new Error("no policy is active");
    }
    return { version, ruleSet: await ruleSetOf(tx, version) };
  };

  const readRecent = async (): Promise<ActiveRules> => {
    const seen = changes;
    const rules = await activeRules(db);
    // What was read before a change is used by who asked before it, and kept for nobody.
    if (seen === changes) {
      recent = { rules, untilMs: clock.monotonicMs() + recentMsMax };
    }
    return rules;
  };

  return {
    activeRules,
    recentRules: async () => {
      if (recent !== undefined && recent.untilMs > clock.monotonicMs()) {
        return recent.rules;
      }
      reading ??= readRecent().finally(() => {
        reading = undefined;
      });
      return await reading;
    },
  };
}
