import type { Tx } from "../../database/client.ts";
import type { RequestsPort } from "../queue/index.ts";
import { lockTask, moveTask, type TaskRow } from "../tasks/index.ts";
import { composeAnswers } from "./answers-text.ts";
import { markDelivered, markUntold, type Settlement, settleRow } from "./request.repository.ts";
import {
  findApprovedPlan,
  findRow,
  hasLive,
  lockLiveOf,
  lockRow,
  lockUntold,
  type RequestRow,
} from "./request-row.repository.ts";
import type { LiveOrder, ResumePort } from "./resume.port.ts";
import { tellOutcome } from "./told.service.ts";

/** A request under its locks: task, then order, then itself. */
export interface LockedRequest {
  readonly task: TaskRow;
  /** The live order of the task; none when nobody works on it. */
  readonly order: LiveOrder | undefined;
  readonly row: RequestRow;
}

/** Locks what settling a request may change, in the order everybody does. Undefined when there is no such request. */
export async function lockRequest(
  tx: Tx,
  resume: ResumePort,
  id: string,
): Promise<LockedRequest | undefined> {
  const seen = await findRow(tx, id);
  const task = seen && (await lockTask(tx, seen.taskId));
  if (task === undefined) return undefined;
  const order = await resume.lockLiveOrder(tx, task.id);
  const row = await lockRow(tx, id);
  return row && { task, order, row };
}

/** Said to an agent that waits for nothing any more, and was told everything. */
const nothingWaits = "Nothing that you asked is open any more. Go on.";

/** Settles a locked request, once, and shows it in the conversation of its task. */
async function settleAndTell(tx: Tx, row: RequestRow, how: Settlement): Promise<RequestRow | undefined> {
  const settled = await settleRow(tx, row, how);
  if (settled !== undefined) await tellOutcome(tx, settled);
  return settled;
}

/** Answers of an order that nobody has told the agent yet, taken as delivered; not what an earlier attempt asked and nobody settled. */
async function takeAnswers(tx: Tx, workOrderId: string): Promise<string> {
  const rows = await lockUntold(tx, workOrderId);
  for (const row of rows) await markDelivered(tx, row);
  return composeAnswers(rows);
}

/**
 * Settles a locked request and lets the work go on: a parked order goes back to its lane with the answers, a task that waited is in progress
 * again. Undefined when the request was settled before.
 */
export async function settle(
  tx: Tx,
  resume: ResumePort,
  { task, order, row }: LockedRequest,
  how: Settlement,
): Promise<RequestRow | undefined> {
  const settled = await settleAndTell(tx, row, how);
  if (settled === undefined) return undefined;
  await goOn(tx, resume, { task, order });
  return settled;
}

/**
 * Lets the task go on when nothing of the attempt that waits, or parked, is open any more. What an earlier attempt asked and this one did
 * not ask again stays open beside it and holds nothing up.
 */
async function goOn(
  tx: Tx,
  resume: ResumePort,
  { task, order }: Pick<LockedRequest, "task" | "order">,
  otherwise = "",
): Promise<void> {
  if (order === undefined || (await hasLive(tx, { workOrderId: order.id, attempt: order.attempt }))) return;
  if (order.status === "parked") {
    const followUp = (await takeAnswers(tx, order.id)) || otherwise;
    if (followUp !== "") await resume.resumeParked(tx, order.id, followUp);
  } else if (order.status === "claimed" && task.status === "waiting") {
    await moveTask(tx, task.id, { event: "answer", workOrderId: order.id, attempt: order.attempt });
  }
}

/** Worker requests as the queue sees them. */
export const createRequestsPort = (resume: ResumePort): RequestsPort => ({
  parkOn: async (tx, task, workOrderId, requestIds) => {
    await markUntold(tx, workOrderId, requestIds);
    // Who parks on what it took back itself would wait for ever.
    const order = await resume.lockLiveOrder(tx, task.id);
    await goOn(tx, resume, { task, order }, requestIds.length === 0 ? "" : nothingWaits);
  },
  endLive: async (tx, task, how, reason) => {
    const event = how === "cancelled" ? "cancel" : "supersede";
    for (const row of await lockLiveOf(tx, task.id))
      await settleAndTell(tx, row, { event, source: "system", sourceId: null, by: "AgentVine", reason });
  },
  approvedPlan: findApprovedPlan,
});
