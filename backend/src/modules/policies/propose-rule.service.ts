import { createHash } from "node:crypto";
import type { PolicyFacts, PolicyRule } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { draftRule } from "@agentvine/policy";
import type { Tx } from "../../database/client.ts";
import { storableText } from "../../storable-json.ts";
import { recordEvent } from "../events/index.ts";
import { keepRuleProposal } from "./rule-proposal.repository.ts";

/** A request whose answer wishes for a rule. */
export interface RuleWish {
  readonly request: {
    readonly id: string;
    readonly taskId: string;
    readonly repositoryId: string;
    readonly question: string;
    readonly correlationId: string | null;
  };
  readonly facts: PolicyFacts;
  readonly decision: "allow" | "deny";
  readonly authorId: string;
}

const questionCharactersMax = 500;

/** Of the rule without its name: two wishes for the same are one proposal. */
const hashOf = ({ id: _id, ...said }: PolicyRule): string =>
  createHash("sha256").update(JSON.stringify(said)).digest("hex");

/**
 * Keeps the narrowest rule that would have answered the request like this, as a proposal. Where none can be held to what was asked, says
 * why; the answer stands all the same.
 */
export async function proposeRule(
  tx: Tx,
  { request, facts, decision, authorId }: RuleWish,
): Promise<{ id: string | null; refusal: string }> {
  const id = newId();
  const drafted = draftRule(facts, {
    decision,
    description: decision === "allow" ? "Allowed by a person before." : "Denied by a person before.",
    suffix: id.slice(-8),
  });
  if (!drafted.isPossible) return { id: null, refusal: `No rule is proposed: ${drafted.reason}.` };
  const kept = await keepRuleProposal(tx, {
    ...{ id, facts, authorId, rule: drafted.rule, ruleHash: hashOf(drafted.rule) },
    question: storableText(request.question.slice(0, questionCharactersMax)),
    workerRequestId: request.id,
    repositoryId: request.repositoryId,
  });
  if (kept.isNew) {
    await recordEvent(tx, {
      type: "policy.rule_proposed",
      taskId: request.taskId,
      correlationId: request.correlationId,
      data: { proposalId: id, ruleId: drafted.rule.id, effect: decision, requestId: request.id },
    });
  }
  return { id: kept.id, refusal: "" };
}
