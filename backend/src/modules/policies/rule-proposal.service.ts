import type {
  PolicyFacts,
  PolicyRule,
  RuleProposal,
  RuleProposalDetail,
  RuleProposalListQuery,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { insertRule, type PolicyWithRule, ruleText } from "@agentvine/policy";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { recordEvent } from "../events/index.ts";
import { type PolicyChange, type PolicyService, readValidPolicy } from "./policy.service.ts";
import {
  decideRuleProposal,
  listRuleProposals,
  lockRuleProposal,
  type RuleProposalRow,
  readRuleProposal,
} from "./rule-proposal.repository.ts";
import type { SimulationService } from "./simulation.service.ts";

export interface RuleProposalDeps {
  db: Db;
  policies: Pick<PolicyService, "active" | "get" | "createWithin">;
  simulations: Pick<SimulationService, "replay">;
}

const unknownProposal = (): AppError =>
  new AppError("rule_proposal.not_found", "There is no such proposed rule.");

/** Why the rule can't be taken into the policy; empty when it can. */
function obstacleTo(rule: PolicyRule, placed: PolicyWithRule): string {
  if (!placed.isPossible) return placed.reason;
  const { kind, ruleId } = placed.decision;
  return ruleId === rule.id ? "" : `the rule ${ruleId} decides it all the same: ${kind}`;
}

/** Rules that were proposed with an answer: looked at with their replay, accepted into the policy or dismissed. */
export function createRuleProposalService({ db, policies, simulations }: RuleProposalDeps) {
  async function read(within: Db | Tx, id: string) {
    const found = await readRuleProposal(within, id);
    if (found === undefined) throw unknownProposal();
    return found;
  }

  async function lockOpen(tx: Tx, id: string): Promise<RuleProposalRow> {
    const row = await lockRuleProposal(tx, id);
    if (row === undefined) throw unknownProposal();
    if (row.status !== "open") {
      const data = { status: row.status, policyVersion: row.policyVersion };
      throw new AppError("rule_proposal.decided", `The proposed rule was ${row.status} already.`, { data });
    }
    return row;
  }

  /** What the active policy with the rule decides, about the request it comes from and about the past. */
  async function replayOf(rule: PolicyRule, facts: PolicyFacts, limit: number) {
    const { version, yaml } = await policies.active();
    const { ruleSet } = readValidPolicy(yaml);
    const placed = insertRule({ yaml, ruleSet }, rule, facts);
    const obstacle = obstacleTo(rule, placed);
    if (!placed.isPossible) return { decision: null, obstacle, replay: null };
    const query = { limit, repositoryId: undefined, onlyChanges: true };
    return {
      decision: placed.decision,
      obstacle,
      replay: await simulations.replay({ version, ruleSet }, placed.ruleSet, query),
    };
  }

  return {
    list: (query: RuleProposalListQuery): Promise<Page<RuleProposal>> => listRuleProposals(db, query),

    /** With its replay while it is open. @throws AppError `rule_proposal.not_found` */
    get: async (id: string, { limit }: { limit: number }): Promise<RuleProposalDetail> => {
      const { proposal, facts } = await read(db, id);
      const { rule, status } = proposal;
      const seen =
        status === "open"
          ? await replayOf(rule, facts, limit)
          : { decision: null, obstacle: `it was ${status} already`, replay: null };
      return { ...proposal, yaml: ruleText(rule), ...seen };
    },

    /**
     * Takes the rule into the policy that its replay was judged by.
     * @throws AppError `rule_proposal.not_found`, `.decided`, `.without_effect`, `policy.changed`, `policy.not_found`
     */
    accept: (id: string, { comment, ...change }: PolicyChange): Promise<RuleProposal> =>
      inTransaction(db, async (tx) => {
        const { rule, facts } = await lockOpen(tx, id);
        const { yaml } = await policies.get(change.basedOnVersion, tx);
        const placed = insertRule({ yaml, ruleSet: readValidPolicy(yaml).ruleSet }, rule, facts);
        const obstacle = obstacleTo(rule, placed);
        if (!placed.isPossible || obstacle !== "")
          throw new AppError("rule_proposal.without_effect", `The rule can't be accepted: ${obstacle}.`);
        const why = comment === "" ? `accepts the proposed rule ${rule.id}` : comment;
        const { version } = await policies.createWithin(tx, placed.yaml, { ...change, comment: why });
        const { userId } = change;
        await decideRuleProposal(tx, id, { status: "accepted", userId, comment, policyVersion: version });
        await recordAudit(tx, {
          ...{ action: "rule_proposal.accepted", targetType: "rule_proposal", targetId: id },
          detail: { ruleId: rule.id, policyVersion: version, comment },
        });
        return (await read(tx, id)).proposal;
      }),

    /** Ends it without a change of the policy. @throws AppError `rule_proposal.not_found`, `.decided` */
    dismiss: (
      id: string,
      { userId, comment, correlationId }: Omit<PolicyChange, "basedOnVersion">,
    ): Promise<RuleProposal> =>
      inTransaction(db, async (tx) => {
        const { rule } = await lockOpen(tx, id);
        await decideRuleProposal(tx, id, { status: "dismissed", userId, comment, policyVersion: null });
        const data = { proposalId: id, ruleId: rule.id, comment };
        await recordEvent(tx, { type: "policy.rule_dismissed", correlationId, data });
        await recordAudit(tx, {
          ...{ action: "rule_proposal.dismissed", targetType: "rule_proposal", targetId: id },
          detail: { ruleId: rule.id, comment },
        });
        return (await read(tx, id)).proposal;
      }),
  };
}

export type RuleProposalService = ReturnType<typeof createRuleProposalService>;
