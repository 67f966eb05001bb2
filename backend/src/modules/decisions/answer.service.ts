import {
  isLiveRequestStatus,
  type PolicyFacts,
  type RequestAnswerInput,
  type WorkerRequest,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import type { DecidePort } from "./decide.port.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { withCommand } from "./new-request.service.ts";
import { findPersonName } from "./person.repository.ts";
import { keepPrecedent } from "./precedent.repository.ts";
import type { Settlement } from "./request.repository.ts";
import { misfit, unknownRequest } from "./request.ts";
import { answerOf, mustReadRequest, type RequestRow } from "./request-row.repository.ts";
import type { ResumePort } from "./resume.port.ts";
import type { ProposedRule, RuleProposalsPort } from "./rule-proposals.port.ts";
import { lockRequest, settle } from "./settle.service.ts";

export interface AnswerServiceDeps {
  db: Db;
  decisions: DecidePort;
  ruleProposals: RuleProposalsPort;
  resume: ResumePort;
}

/** Refuses an answer to what is settled, with the answer that stands, or to what is no longer what the person saw. */
function assertAnswerable(row: RequestRow, generation: number): void {
  if (!isLiveRequestStatus(row.status)) {
    const answer = answerOf(row);
    const by = answer === null ? "" : ` by ${answer.by}`;
    throw new AppError("worker_request.settled", `The request is already ${row.status}${by}.`, {
      data: { status: row.status, answer },
    });
  }
  if (row.generation !== generation) {
    throw new AppError(
      "worker_request.changed",
      "The request changed since it was shown: look at it again.",
      {
        data: { generation: row.generation },
      },
    );
  }
}

/** The answer as far as it is words: it must say something, and choose only among what is offered. */
function wordsOf(
  row: RequestRow,
  { decision, editedCommand, scope, choice, text, comment }: RequestAnswerInput,
) {
  if (decision !== undefined) throw misfit("decision", "only an approval is allowed or denied");
  if (editedCommand !== undefined)
    throw misfit("editedCommand", "only an approval of a command can be changed");
  if (scope !== "once") throw misfit("scope", "only an approval has a scope");
  if (choice === undefined && text.trim() === "") throw misfit("text", "give a text or a choice");
  const option = row.options.find(({ id }) => id === choice);
  if (choice !== undefined && option === undefined) {
    const offered = row.options.map(({ id }) => id);
    throw new AppError("worker_request.option_unknown", `"${choice}" is none of the options offered.`, {
      issues: [{ path: "choice", message: `choose one of ${offered.join(", ") || "none"}` }],
    });
  }
  return { event: "answer" as const, choice: choice ?? null, text, reason: comment };
}

/** The fingerprint of the call that is allowed instead of the one asked for. */
function editedFingerprint(row: RequestRow, editedCommand: string): string {
  const { approval } = row;
  if (approval === null || approval.command === null || typeof approval.arguments.command !== "string")
    throw misfit("editedCommand", "only an approval of a command can be changed");
  const args = { ...approval.arguments, command: editedCommand };
  return fingerprintOf({ ...row, approval: { ...approval, arguments: args } });
}

/** Notes in the audit log who answered what. The words of an answer stand with the request. */
const recordAnswer = (
  tx: Tx,
  { id, taskId, kind, generation }: RequestRow,
  { decision, scope, choice, editedCommand }: RequestAnswerInput,
): Promise<void> =>
  recordAudit(tx, {
    ...{ action: "request.answered", targetType: "worker_request", targetId: id },
    detail: { taskId, kind, generation, decision, scope, choice, isEdited: editedCommand !== undefined },
  });

/** What people answer. */
export function createAnswerService({ db, decisions, ruleProposals, resume }: AnswerServiceDeps) {
  /** A person can't allow what a rule denies: not in a changed form, and not what a newer rule denies. */
  async function assertNotDenied(tx: Tx, facts: PolicyFacts, path: string): Promise<void> {
    const { kind, ruleId, reason } = await decisions.decide(tx, facts);
    if (kind === "deny") throw misfit(path, `rule ${ruleId} denies it: ${reason}`);
  }

  /** What is allowed: the call as it was asked for, or with another command. */
  async function allowedCall(tx: Tx, row: RequestRow, editedCommand: string | undefined) {
    if (editedCommand === undefined) {
      await assertNotDenied(tx, row.facts, "decision");
      return {};
    }
    const grantedFingerprint = editedFingerprint(row, editedCommand);
    await assertNotDenied(tx, withCommand(row.facts, editedCommand), "editedCommand");
    return { editedCommand, grantedFingerprint };
  }

  /** The rule that the answer wishes for: about the call as it was decided. */
  async function ruleOf(
    tx: Tx,
    row: RequestRow,
    { scope, decision, editedCommand }: RequestAnswerInput,
    authorId: string,
  ): Promise<ProposedRule | undefined> {
    if (scope !== "rule" || decision === undefined) return undefined;
    const facts = editedCommand === undefined ? row.facts : withCommand(row.facts, editedCommand);
    return await ruleProposals.propose(tx, { request: row, facts, decision, authorId });
  }

  async function approvalOf(tx: Tx, row: RequestRow, input: RequestAnswerInput) {
    const { decision, editedCommand, scope, text, comment } = input;
    if (input.choice !== undefined) throw misfit("choice", "an approval is allowed or denied");
    const reason = comment === "" ? text : comment;
    switch (decision) {
      case undefined:
        throw misfit("decision", "say allow or deny");
      case "deny":
        if (editedCommand !== undefined) throw misfit("editedCommand", "what is denied can't be changed");
        return { event: "deny" as const, decision, reason, ...(scope === "rule" ? { scope } : {}) };
      case "allow":
        return {
          ...{ event: "answer" as const, decision, scope, reason },
          ...(await allowedCall(tx, row, editedCommand)),
        };
    }
  }

  return {
    /**
     * Settles a request by a person's answer. Of two at once the first wins. With the scope `rule` it proposes a rule besides.
     * @throws AppError `worker_request.not_found`, `.settled` with the winning answer, `.changed`, `.answer_invalid`, `.option_unknown`
     */
    answer: (actor: Actor, id: string, input: RequestAnswerInput): Promise<WorkerRequest> =>
      inTransaction(db, async (tx) => {
        const locked = await lockRequest(tx, resume, id);
        if (locked === undefined) throw unknownRequest();
        const { row } = locked;
        assertAnswerable(row, input.generation);
        const said = row.kind === "approval" ? await approvalOf(tx, row, input) : wordsOf(row, input);
        const how: Settlement = {
          ...said,
          ruleProposal: await ruleOf(tx, row, input, actor.userId),
          source: "person",
          sourceId: actor.userId,
          by: await findPersonName(tx, actor.userId),
        };
        const settled = await settle(tx, resume, locked, how);
        if (settled === undefined)
          throw new AppError("worker_request.settled", "The request was settled meanwhile.");
        await recordAnswer(tx, row, input);
        if (settled.kind !== "approval") await keepPrecedent(tx, settled, actor.userId);
        return await mustReadRequest(tx, id);
      }),
  };
}

export type AnswerService = ReturnType<typeof createAnswerService>;
