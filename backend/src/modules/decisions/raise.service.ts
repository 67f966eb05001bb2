import {
  isLiveRequestStatus,
  type PolicyFacts,
  type RequestRaise,
  type WorkerRequest,
} from "@agentvine/contracts";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { assertOwnAttempt, type HeldWork, lockHeldWork } from "../queue/index.ts";
import { moveTask } from "../tasks/index.ts";
import { findAsked } from "./asked.repository.ts";
import type { DecidePort, RoutedDecision } from "./decide.port.ts";
import { denialOf } from "./denied-now.service.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { factsOf, requestByGrant, requestByRules } from "./new-request.service.ts";
import { usePrecedent } from "./precedent.repository.ts";
import { adoptRequest, insertRequest, recordRequestEvent } from "./request.repository.ts";
import { headlineOf, misfit } from "./request.ts";
import { mustReadRequest, type RequestRow, viewOfSettled } from "./request-row.repository.ts";
import { tellOutcome, tellRequest } from "./told.service.ts";

export interface RaiseServiceDeps {
  db: Db;
  decisions: DecidePort;
}

const isSticky = (row: RequestRow): boolean => {
  // What nobody decided, or ended with its work, may be asked again.
  if (row.status === "denied") return row.answerSource !== "deadline";
  if (row.status !== "answered") return false;
  return row.kind !== "approval" || row.spentAt === null;
};

/** People and rules judge the command that is shown: it must be the one that would run. */
function assertHonest({ approval }: RequestRaise): void {
  const given = approval?.arguments.command;
  if (typeof given === "string" && approval?.command !== given)
    throw misfit("approval.command", "must be the command of the arguments");
}

/** Earlier answers settle questions, never approvals; what a rule denies, and what people alone decide, comes first. */
const mayFollowPrecedent = (
  { task }: HeldWork,
  { kind }: RequestRaise,
  { kind: effect }: RoutedDecision,
): boolean =>
  kind !== "approval" &&
  (effect === "human" || effect === "automated") &&
  task.permissionLevel !== "human_required" &&
  task.priority !== "critical";

/** The request that stands for a raise; with the name of its worker when a rule has settled it just now. */
interface Placed {
  row: RequestRow;
  workerName?: string;
}

/** Writes down what an agent asks, and settles or routes it, before anybody sees it. */
export function createRaiseService({ db, decisions }: RaiseServiceDeps) {
  async function judge(tx: Tx, held: HeldWork, raise: RequestRaise) {
    const facts = await factsOf(tx, held, raise);
    return { facts, decision: await decisions.decide(tx, facts) };
  }

  /** What a rule denies is denied, whatever a person allowed for the task before there was such a rule. */
  const isDeniedNow = async (tx: Tx, facts: PolicyFacts, { editedCommand }: RequestRow): Promise<boolean> =>
    (await denialOf(tx, decisions, { facts, editedCommand })) !== undefined;

  /** Whether who asks again gets the request that is there. Leave that a rule denies by now is none: the rules decide anew. */
  async function isAdopted(tx: Tx, same: RequestRow): Promise<boolean> {
    if (isLiveRequestStatus(same.status)) return true;
    if (!isSticky(same)) return false;
    return same.decision !== "allow" || !(await isDeniedNow(tx, same.facts, same));
  }

  async function store(
    tx: Tx,
    held: HeldWork,
    raise: RequestRaise,
    { fingerprint, granted }: { fingerprint: string; granted: RequestRow | undefined },
  ): Promise<RequestRow> {
    const { facts, decision } = await judge(tx, held, raise);
    if (granted !== undefined && decision.kind !== "deny" && !(await isDeniedNow(tx, facts, granted)))
      return await insertRequest(tx, requestByGrant(held, raise, { fingerprint, granted, facts }));
    const precedent = mayFollowPrecedent(held, raise, decision)
      ? await usePrecedent(tx, held.task.repositoryId, fingerprint)
      : undefined;
    return await insertRequest(tx, requestByRules(held, raise, { fingerprint, facts, decision, precedent }));
  }

  async function place(tx: Tx, held: HeldWork, raise: RequestRaise): Promise<Placed> {
    const fingerprint = fingerprintOf(raise);
    const by = {
      workOrderId: held.order.id,
      attempt: held.order.attempt,
      executionId: held.executionId,
      workerId: held.order.workerId,
      callId: raise.callId,
    };
    const { byCall, same } = await findAsked(tx, { ...by, taskId: held.task.id, fingerprint });
    if (byCall !== undefined) return { row: byCall };
    if (same !== undefined && (await isAdopted(tx, same))) return { row: await adoptRequest(tx, same, by) };
    const isGranted = same?.status === "answered" && same.decision === "allow" && same.scope === "task";
    const row = await store(tx, held, raise, { fingerprint, granted: isGranted ? same : undefined });
    await recordRequestEvent(tx, "worker_request.raised", row, {
      ...{ ruleId: row.ruleId, reason: row.routeReason, headline: headlineOf(raise).slice(0, 500) },
      ...{ source: row.answerSource, decision: row.decision },
    });
    // What a rule settles at once is in the log and the history; people are not shown each of it.
    if (row.answerSource === "rule") return { row, workerName: row.facts.worker.name };
    await tellRequest(tx, row);
    if (row.answerSource === "precedent") await tellOutcome(tx, row);
    return { row };
  }

  return {
    /**
     * Writes a request down and decides where it goes, in one transaction. A repeat of the call gets the same request; what the task asked
     * before is adopted.
     * @throws AppError `work_order.lease_lost`, `worker_request.answer_invalid`
     */
    raise: (actor: Actor, raise: RequestRaise): Promise<WorkerRequest> => {
      const ref = { workOrderId: raise.workOrderId, attempt: raise.attempt };
      assertOwnAttempt(actor, ref);
      return inTransaction(db, async (tx) => {
        const held = await lockHeldWork(tx, ref);
        if (held.order.kind !== "run") throw misfit("workOrderId", "only a run asks questions");
        assertHonest(raise);
        const { row, workerName } = await place(tx, held, raise);
        if (isLiveRequestStatus(row.status) && held.task.status === "in_progress") {
          const reason = headlineOf(raise).slice(0, 500);
          await moveTask(tx, held.task.id, { event: "wait", reason, ...ref, executionId: held.executionId });
        }
        // What a rule settles, most of all that agents ask, need not be read once more.
        return workerName === undefined
          ? await mustReadRequest(tx, row.id)
          : viewOfSettled(held, row, workerName);
      });
    },
  };
}

export type RaiseService = ReturnType<typeof createRaiseService>;
