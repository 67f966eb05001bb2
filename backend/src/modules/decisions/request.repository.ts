import {
  type AnswerScope,
  type AnswerSource,
  type Citation,
  type EscalationStep,
  everybody,
  type Usage,
  type WorkerRequestEvent,
  type WorkerRequestStatus,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { workerRequests } from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { type NewEvent, recordEvent } from "../events/index.ts";
import { findActivePerson } from "./person.repository.ts";
import { automatedChannel, requestChannel, statusAfter } from "./request.ts";
import { isLiveRow, type RequestRow } from "./request-row.repository.ts";
import type { ProposedRule } from "./rule-proposals.port.ts";

/** Notes what happened to a request. */
export async function recordRequestEvent(
  tx: Tx,
  type: NewEvent["type"],
  row: RequestRow,
  data: Record<string, unknown> = {},
): Promise<void> {
  const { taskId, workOrderId, executionId, workerId, attempt, correlationId } = row;
  await recordEvent(tx, {
    ...{ type, taskId, workOrderId, executionId, workerId, attempt, correlationId },
    data: {
      requestId: row.id,
      kind: row.kind,
      status: row.status,
      generation: row.generation,
      assignedTo: row.assignedTo,
      ...data,
    },
  });
}

export type NewRequest = Omit<
  typeof workerRequests.$inferInsert,
  "id" | "deadlineAt" | "deadlineSeconds" | "raisedAt" | "settledAt"
> & {
  /** From now; null is never. */
  deadlineSeconds: number | null;
  /** Settled as it is raised, and the agent has it with the reply. */
  isSettled: boolean;
};

const fromNow = (seconds: number) => sql<Date>`now() + ${seconds} * interval '1 second'`;

/** When, from when people have it: with a chain its next step comes before the deadline proper. */
const nextDeadline = (
  { onTimeout, escalation }: Pick<NewRequest, "onTimeout" | "escalation">,
  seconds: number,
): number =>
  Math.min(seconds, (onTimeout === "escalate" ? escalation[0]?.afterSeconds : undefined) ?? seconds);

/** A model has all of its time at most; people, and the chain among them, have theirs after it. */
const firstDeadline = (
  values: Pick<NewRequest, "status" | "onTimeout" | "escalation">,
  seconds: number,
): number => (values.status === "automated" ? seconds : nextDeadline(values, seconds));

export async function insertRequest(
  tx: Tx,
  { deadlineSeconds, isSettled, ...values }: NewRequest,
): Promise<RequestRow> {
  const [row] = await tx
    .insert(workerRequests)
    .values({
      ...storableJson(values),
      id: newId(),
      deadlineSeconds: deadlineSeconds ?? 0,
      deadlineAt: deadlineSeconds === null ? null : fromNow(firstDeadline(values, deadlineSeconds)),
      routedAt: sql`now()`,
      ...(values.status === "human" ? { peopleSince: sql`now()` } : {}),
      ...(isSettled ? { settledAt: sql`now()`, deliveredAt: sql`now()` } : {}),
      ...(isSettled && values.decision === "allow"
        ? { spentAt: sql`now()`, spentByAttempt: values.attempt }
        : {}),
    })
    .returning();
  if (row === undefined) throw new Error("the insert returned no row");
  if (row.status === "automated") notify(tx, automatedChannel);
  return row;
}

/** Hands a request on to the call that asks the same now. What people see changes when it is another attempt's: the generation rises. */
export async function adoptRequest(
  tx: Tx,
  row: RequestRow,
  by: Pick<RequestRow, "workOrderId" | "executionId" | "workerId" | "attempt" | "callId">,
): Promise<RequestRow> {
  const isOtherAttempt = row.attempt !== by.attempt || row.workOrderId !== by.workOrderId;
  const [adopted] = await tx
    .update(workerRequests)
    .set({
      ...by,
      generation: isOtherAttempt ? sql`${workerRequests.generation} + 1` : sql`${workerRequests.generation}`,
      ...(row.settledAt === null ? {} : { deliveredAt: sql`now()` }),
      // What a controller thinks about is another generation by now: it is leased anew, and has as long to be.
      ...(isOtherAttempt ? { leaseTokenHash: null, leaseExpiresAt: null } : {}),
      ...(isOtherAttempt && row.status === "automated" ? { routedAt: sql`now()` } : {}),
    })
    .where(eq(workerRequests.id, row.id))
    .returning();
  if (adopted === undefined) throw new Error("a locked request is gone");
  if (isOtherAttempt) await recordRequestEvent(tx, "worker_request.adopted", adopted);
  if (isOtherAttempt && adopted.status === "automated") notify(tx, automatedChannel);
  return adopted;
}

/** How a request is settled. */
export interface Settlement {
  readonly event: WorkerRequestEvent;
  readonly source: AnswerSource;
  readonly sourceId: string | null;
  readonly by: string;
  readonly decision?: "allow" | "deny" | null;
  readonly choice?: string | null;
  readonly text?: string;
  readonly editedCommand?: string | null;
  readonly grantedFingerprint?: string | null;
  readonly scope?: AnswerScope;
  readonly ruleProposal?: ProposedRule | undefined;
  readonly citations?: readonly Citation[];
  readonly confidence?: number | null;
  readonly reason: string;
  readonly usage?: Usage | null;
}

const eventOf: Partial<Record<WorkerRequestStatus, NewEvent["type"]>> = {
  answered: "worker_request.answered",
  denied: "worker_request.denied",
  no_answer: "worker_request.unanswered",
  expired: "worker_request.expired",
  cancelled: "worker_request.cancelled",
  superseded: "worker_request.superseded",
};

/** Settles a locked request, once: undefined when it is settled already. Whoever waits for it is woken after the commit. */
export async function settleRow(tx: Tx, row: RequestRow, how: Settlement): Promise<RequestRow | undefined> {
  const status = statusAfter(row.status, how.event);
  const [settled] = await tx
    .update(workerRequests)
    .set({
      status,
      settledAt: sql`now()`,
      answerSource: how.source,
      answerSourceId: how.sourceId,
      answeredBy: how.by,
      decision: how.decision ?? null,
      choice: how.choice ?? null,
      answerText: storableText(how.text ?? ""),
      editedCommand: how.editedCommand ?? null,
      grantedFingerprint: how.grantedFingerprint ?? null,
      scope: how.scope ?? "once",
      ruleProposalId: how.ruleProposal?.id ?? null,
      ruleRefusal: storableText(how.ruleProposal?.refusal ?? ""),
      citations: storableJson([...(how.citations ?? [])]),
      confidence: how.confidence ?? null,
      answerReason: storableText(how.reason),
      ...(how.usage === undefined ? {} : { usage: how.usage }),
      leaseTokenHash: null,
      leaseExpiresAt: null,
    })
    .where(and(eq(workerRequests.id, row.id), eq(workerRequests.status, row.status), isLiveRow))
    .returning();
  if (settled === undefined) return undefined;
  const type = eventOf[status];
  if (type === undefined) throw new Error(`nothing tells of a request that is ${status}`);
  const { source, by, reason, decision = null, choice = null } = how;
  await recordRequestEvent(tx, type, settled, { source, by, reason, decision, choice });
  notify(tx, requestChannel, { payload: row.id });
  return settled;
}

/** Notes that the agent has the answer; the first time only. */
export async function markDelivered(tx: Tx, row: RequestRow): Promise<void> {
  const [delivered] = await tx
    .update(workerRequests)
    .set({ deliveredAt: sql`now()` })
    .where(and(eq(workerRequests.id, row.id), isNull(workerRequests.deliveredAt)))
    .returning();
  if (delivered !== undefined) await recordRequestEvent(tx, "worker_request.delivered", delivered);
}

/** The worker parks without the answers to these: whatever was sent to it did not arrive. */
export async function markUntold(tx: Tx, workOrderId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(workerRequests)
    .set({ deliveredAt: null })
    .where(
      and(
        eq(workerRequests.workOrderId, workOrderId),
        inArray(workerRequests.id, [...ids]),
        // What was used has arrived.
        isNull(workerRequests.spentAt),
      ),
    );
}

/** Uses an approval, once; undefined when it was used before. */
export async function spendRow(tx: Tx, row: RequestRow): Promise<RequestRow | undefined> {
  const [spent] = await tx
    .update(workerRequests)
    .set({
      spentAt: sql`now()`,
      spentByAttempt: row.attempt,
      deliveredAt: sql`coalesce(${workerRequests.deliveredAt}, now())`,
    })
    .where(
      and(
        eq(workerRequests.id, row.id),
        isNull(workerRequests.spentAt),
        eq(workerRequests.status, "answered"),
        eq(workerRequests.decision, "allow"),
      ),
    )
    .returning();
  if (spent !== undefined) await recordRequestEvent(tx, "worker_request.spent", spent);
  return spent;
}

/** Gives a locked request to people, with the reason. */
export async function routeToHuman(
  tx: Tx,
  row: RequestRow,
  reason: string,
  usage?: Usage | null,
): Promise<RequestRow> {
  const [routed] = await tx
    .update(workerRequests)
    .set({
      ...givenToPeople(row),
      routedAt: sql`now()`,
      routeReason: reasonAfter(row, reason),
      ...(usage === undefined ? {} : { usage }),
    })
    .where(and(eq(workerRequests.id, row.id), eq(workerRequests.status, row.status)))
    .returning();
  if (routed === undefined) throw new Error("a locked request is gone");
  await recordRequestEvent(tx, "worker_request.routed", routed, { ruleId: routed.ruleId, reason });
  return routed;
}

/** Gives a locked request to a person, or to everybody. */
export async function assignRow(
  tx: Tx,
  row: RequestRow,
  assignedTo: string | null,
  told: { by: string; comment: string },
): Promise<void> {
  const [assigned] = await tx
    .update(workerRequests)
    .set({ assignedTo, ...givenToPeople(row) })
    .where(and(eq(workerRequests.id, row.id), eq(workerRequests.status, row.status)))
    .returning();
  if (assigned === undefined) throw new Error("a locked request is gone");
  await recordRequestEvent(tx, "worker_request.delegated", assigned, told);
}

/** Who is asked is a person: no model answers any more, and the deadline counts from now. */
const givenToPeople = (row: RequestRow) =>
  row.status === "human"
    ? {}
    : {
        status: statusAfter(row.status, "route_human"),
        peopleSince: sql`now()`,
        deadlineAt: fromNow(nextDeadline(row, row.deadlineSeconds)),
        leaseTokenHash: null,
        leaseExpiresAt: null,
      };

/** Why it is where it is, in front of why it was where it was. */
const reasonAfter = ({ routeReason }: RequestRow, reason: string): string =>
  storableText(`${reason} (before: ${routeReason})`).slice(0, 2_000);

/** Passes a request that people have, locked, on to the next of its chain. Its end stays where its rule put it. */
export async function escalateRow(
  tx: Tx,
  row: RequestRow,
  step: EscalationStep,
  rest: readonly EscalationStep[],
): Promise<void> {
  const seconds = nextDeadline({ ...row, escalation: [...rest] }, row.deadlineSeconds);
  const assignedTo = step.to === everybody ? null : await findActivePerson(tx, step.to);
  const reason = `nobody active is called ${step.to}, so everybody has it`;
  const [escalated] = await tx
    .update(workerRequests)
    .set({
      assignedTo: assignedTo ?? null,
      ...(assignedTo === undefined ? { routeReason: reasonAfter(row, reason) } : {}),
      escalation: [...rest],
      escalations: sql`${workerRequests.escalations} + 1`,
      deadlineAt: sql`coalesce(${workerRequests.peopleSince}, ${workerRequests.raisedAt}) + ${seconds} * interval '1 second'`,
    })
    .where(eq(workerRequests.id, row.id))
    .returning();
  if (escalated === undefined) throw new Error("a locked request is gone");
  await recordRequestEvent(tx, "worker_request.escalated", escalated, {
    escalations: escalated.escalations,
    to: step.to,
  });
}

/** Takes requests back from controllers that were not heard of in time; none gets them again. @returns how many */
export async function loseControllerLeases(db: Db): Promise<number> {
  const lost = await db
    .update(workerRequests)
    .set({ leaseTokenHash: null, leaseExpiresAt: null, lostLeases: sql`${workerRequests.lostLeases} + 1` })
    .where(and(eq(workerRequests.status, "automated"), sql`${workerRequests.leaseExpiresAt} <= now()`));
  return lost.rowCount ?? 0;
}
