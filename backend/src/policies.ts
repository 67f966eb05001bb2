import { readFile } from "node:fs/promises";
import { AppError, type Clock } from "@agentvine/kit";
import { decide, isPresetName, preAllowed, presets } from "@agentvine/policy";
import type { FastifyInstance } from "fastify";
import type { Database, Db } from "./database/client.ts";
import type { Notifications } from "./database/notifications.ts";
import type { DecidePort, RuleProposalsPort } from "./modules/decisions/index.ts";
import {
  createActiveRulesService,
  createPastRequests,
  createPolicyService,
  createRuleProposalService,
  createSimulationService,
  proposeRule,
  registerPolicyRoutes,
} from "./modules/policies/index.ts";
import type { PreAllowPort } from "./modules/queue/index.ts";

export interface PolicyDeps {
  server: FastifyInstance;
  database: Database;
  notifications: Notifications;
  clock: Clock;
}

export interface PolicyWiring {
  /** Decides worker requests by the policy that is active in their transaction. */
  decide: DecidePort;
  /** Keeps the rules that people wish for with an answer. */
  ruleProposals: RuleProposalsPort;
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

/** Gives a new installation its first policy; does nothing later. @throws AppError `config.invalid`, `policy.invalid` */
export async function seedPolicy(db: Db, setting: string): Promise<void> {
  const policies = createPolicyService({ db });
  if (!(await policies.isSeeded())) {
    await policies.seed(await firstPolicy(setting));
  }
}

/** Wires the rules: their versions, what they decide, and what leases need not ask for. */
export function wirePolicies(deps: PolicyDeps): PolicyWiring {
  const { server, database, notifications, clock } = deps;
  const { db } = database;
  const policies = createPolicyService({ db });
  const rules = createActiveRulesService({ db, clock, notifications });
  const simulations = createSimulationService({ db, rules, requests: createPastRequests(db) });
  const proposals = createRuleProposalService({ db, policies, simulations });
  registerPolicyRoutes(server, { policies, simulations, proposals });
  return {
    decide: {
      decide: async (tx, facts) => {
        const { version, ruleSet } = await rules.activeRules(tx);
        return { ...decide(facts, ruleSet), policyVersion: version };
      },
    },
    ruleProposals: { propose: proposeRule },
    preAllow: async (context) => preAllowed(context, (await rules.recentRules()).ruleSet),
  };
}
