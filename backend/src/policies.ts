import { readFile } from "node:fs/promises";
import { AppError, type Clock } from "@agentvine/kit";
import { decide, isPresetName, preAllowed, presets } from "@agentvine/policy";
import type { FastifyInstance } from "fastify";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import type { Notifications } from "./database/notifications.ts";
import type { DecidePort } from "./modules/decisions/index.ts";
import {
  createActiveRulesService,
  createPastRequests,
  createPolicyService,
  createSimulationService,
  type PolicyService,
  registerPolicyRoutes,
} from "./modules/policies/index.ts";
import type { PreAllowPort } from "./modules/queue/index.ts";

export interface PolicyDeps {
  server: FastifyInstance;
  config: Pick<BackendConfig, "policy">;
  database: Database;
  notifications: Notifications;
  clock: Clock;
}

export interface PolicyWiring {
  policies: PolicyService;
  /** Decides worker requests by the policy that is active in their transaction. */
  decide: DecidePort;
  /** What leases need not ask for. */
  preAllow: PreAllowPort;
}

/** The policy that a new installation begins with: a preset, or a file. */
async function firstPolicy(setting: string): Promise<{ yaml: string; comment: string }> {
  if (isPresetName(setting)) {
    return { yaml: presets[setting].yaml, comment: `the preset ${setting}` };
  }
  try {
    return { yaml: await readFile(setting, "utf8"), comment: `from ${setting}` };
  } catch {
    throw new AppError(
      "config.invalid",
      `AGENTVINE_POLICY names neither a preset (${Object.keys(presets).join(", ")}) nor a file that can be read: ${setting}`,
    );
  }
}

/** Wires the rules: their versions, what they decide, and what leases need not ask for. */
export async function wirePolicies(deps: PolicyDeps): Promise<PolicyWiring> {
  const { server, config, database, notifications, clock } = deps;
  const { db } = database;
  const policies = createPolicyService({ db });
  await policies.seed(await firstPolicy(config.policy));
  const rules = createActiveRulesService({ db, clock, notifications });
  const simulations = createSimulationService({ db, rules, requests: createPastRequests(db) });
  registerPolicyRoutes(server, { policies, simulations });
  return {
    policies,
    decide: {
      decide: async (tx, facts) => {
        const { version, ruleSet } = await rules.activeRules(tx);
        return { ...decide(facts, ruleSet), policyVersion: version };
      },
    },
    preAllow: async (context) => preAllowed(context, (await rules.recentRules()).ruleSet),
  };
}
