import type { RequestAnswer, WorkerRequest } from "@agentvine/contracts";
import { and, asc, desc, eq, gt, isNotNull, isNull, notExists, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { shapeOf } from "../../database/row-shape.ts";
import { events, liveStatusList, liveStatusText, workerRequests } from "../../database/schema/index.ts";
import type { HeldWork } from "../queue/index.ts";
import { unknownRequest } from "./request.ts";

/** What of a task a plan is made from. */
const plannedFields = ["title", "description", "context"];

export type RequestRow = typeof workerRequests.$inferSelect;

/** As many as are answered at once: nobody needs to know of more. */
const alikeMax = 100;
/** The other open requests of the group, looked up only while there is something to answer. */
const alikeCount = `case when r.status in ${liveStatusText} and r.alike_group <> '' then (select count(*)::int - 1 from (
    select from worker_requests alike where alike.alike_group = r.alike_group and alike.status in ${liveStatusText}
    limit ${alikeMax + 1}) counted) else 0 end`;

/** How prepared statements read requests. */
export const requestShape = shapeOf(workerRequests);

const readRequestsStatement: Statement = {
  name: "read-requests",
  text: `
    select ${requestShape.columns("r", "r_")}, t.title as "taskTitle", t.task_type as "taskType", t.priority as "taskPriority",
      t.permission_level as "permissionLevel", t.repository_url as "repositoryUrl", coalesce(w.name, '') as "workerName", case when r.answer_source is distinct from 'rule' then c.id end as "conversationId",
      o.status as "orderStatus", ${alikeCount} as "alikeCount", now() as now
    from worker_requests r
    join tasks t on t.id = r.task_id
    join work_orders o on o.id = r.work_order_id
    left join workers w on w.id = r.worker_id
    left join conversations c on c.task_id = r.task_id
    where r.id = any($1::uuid[])`,
};

interface RequestView {
  request: RequestRow;
  taskTitle: string;
  taskType: WorkerRequest["taskType"];
  taskPriority: WorkerRequest["taskPriority"];
  permissionLevel: WorkerRequest["permissionLevel"];
  repositoryUrl: string;
  workerName: string;
  conversationId: string | null;
  orderStatus: string;
  alikeCount: number;
  now: Date;
}

function viewOf(row: Omit<RequestView, "request">): RequestView {
  const { taskTitle, taskType, taskPriority, permissionLevel, repositoryUrl, workerName, orderStatus } = row;
  const { conversationId } = row;
  const request = requestShape.read(row, "r_");
  if (request === undefined) throw new Error("a row without its request");
  const { alikeCount, now } = row;
  const task = { taskTitle, taskType, taskPriority, permissionLevel, repositoryUrl };
  return { request, ...task, workerName, conversationId, orderStatus, alikeCount, now };
}

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null;

/** How a settled request was settled; null while it lives, or when it ended without an answer. */
export function answerOf(row: RequestRow): RequestAnswer | null {
  if (row.answerSource === null || row.settledAt === null) return null;
  return {
    source: row.answerSource,
    sourceId: row.answerSourceId,
    by: row.answeredBy,
    decision: row.decision,
    choice: row.choice,
    text: row.answerText,
    editedCommand: row.editedCommand,
    scope: row.scope,
    ruleProposal: row.scope === "rule" ? { id: row.ruleProposalId, refusal: row.ruleRefusal } : null,
    citations: row.citations ?? [],
    confidence: row.confidence,
    reason: row.answerReason,
    usage: row.usage,
    answeredAt: row.settledAt.toISOString(),
  };
}

const msBetween = (from: Date, to: Date): number => Math.max(0, Math.round(to.getTime() - from.getTime()));

const toWorkerRequest = ({ request: row, orderStatus, now, ...task }: RequestView): WorkerRequest => ({
  id: row.id,
  taskId: row.taskId,
  ...task,
  repositoryId: row.repositoryId,
  workOrderId: row.workOrderId,
  executionId: row.executionId,
  attempt: row.attempt,
  generation: row.generation,
  kind: row.kind,
  status: row.status,
  question: row.question,
  reason: row.reason,
  options: row.options,
  approval: row.approval,
  ruleId: row.ruleId,
  policyVersion: row.policyVersion,
  routeReason: row.routeReason,
  assignedTo: row.assignedTo,
  escalations: row.escalations,
  deadlineAt: iso(row.deadlineAt),
  onTimeout: row.onTimeout,
  isParked: orderStatus === "parked",
  answer: answerOf(row),
  raisedAt: row.raisedAt.toISOString(),
  settledAt: iso(row.settledAt),
  deliveredAt: iso(row.deliveredAt),
  spentAt: iso(row.spentAt),
  waitedMs: msBetween(row.raisedAt, row.settledAt ?? now),
  waitedForPeopleMs: row.peopleSince === null ? 0 : msBetween(row.peopleSince, row.settledAt ?? now),
  alikeGroup: row.alikeGroup,
});

/** A request that was settled as it was raised for work that is held, as the API shows it. Reads nothing. */
export const viewOfSettled = (
  { task, now }: Pick<HeldWork, "task" | "now">,
  request: RequestRow,
  workerName: string,
): WorkerRequest =>
  toWorkerRequest({
    request,
    taskTitle: task.title,
    taskType: task.taskType,
    taskPriority: task.priority,
    permissionLevel: task.permissionLevel,
    repositoryUrl: task.repositoryUrl,
    workerName,
    // What a rule settles is not told there.
    conversationId: null,
    orderStatus: "claimed",
    alikeCount: 0,
    now,
  });

/** The requests of these ids as the API shows them, in that order. */
export async function readRequests(db: Db | Tx, ids: readonly string[]): Promise<WorkerRequest[]> {
  if (ids.length === 0) return [];
  const rows = await runPrepared<Omit<RequestView, "request">>(db, readRequestsStatement, [[...ids]]);
  const found = new Map(rows.map(viewOf).map((view) => [view.request.id, toWorkerRequest(view)]));
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** A request as the API shows it. */
export async function readRequest(db: Db | Tx, id: string): Promise<WorkerRequest | undefined> {
  return (await readRequests(db, [id]))[0];
}

/** @throws AppError `worker_request.not_found` */
export async function mustReadRequest(db: Db | Tx, id: string): Promise<WorkerRequest> {
  const request = await readRequest(db, id);
  if (request === undefined) throw unknownRequest();
  return request;
}

const findRowStatement: Statement = {
  name: "find-request",
  text: `select ${requestShape.columns("r")} from worker_requests r where r.id = $1`,
};

const lockRowStatement: Statement = {
  name: "lock-request",
  text: `${findRowStatement.text} for update`,
};

async function readRow(source: Db | Tx, statement: Statement, id: string): Promise<RequestRow | undefined> {
  const [row] = await runPrepared(source, statement, [id]);
  return row && requestShape.read(row);
}

export const findRow = (db: Db | Tx, id: string): Promise<RequestRow | undefined> =>
  readRow(db, findRowStatement, id);

/** The row, locked. Lock its task and its order first. */
export const lockRow = (tx: Tx, id: string): Promise<RequestRow | undefined> =>
  readRow(tx, lockRowStatement, id);

const findHeldStatement: Statement = {
  name: "find-held-request",
  text: `
    select ${requestShape.columns("r")}, exists (select from work_orders o
      where o.id = r.work_order_id and o.attempt = r.attempt and o.status = 'claimed') as is_held
    from worker_requests r where r.id = $1`,
};

/** The row, and whether the attempt that asked holds its lease. */
export async function findRowAndHold(
  db: Db,
  id: string,
): Promise<{ row: RequestRow; isHeld: boolean } | undefined> {
  const [found] = await runPrepared<{ is_held: boolean }>(db, findHeldStatement, [id]);
  const row = found && requestShape.read(found);
  return row && { row, isHeld: found.is_held };
}

export const isLiveRow: SQL = sql`${workerRequests.status} in ${liveStatusList}`;

const lockWhere = (tx: Tx, where: SQL | undefined): Promise<RequestRow[]> =>
  tx
    .select()
    .from(workerRequests)
    .where(where)
    .orderBy(asc(workerRequests.raisedAt), asc(workerRequests.id))
    .for("update");

/** What of the task still waits, locked, oldest first. */
export const lockLiveOf = (tx: Tx, taskId: string): Promise<RequestRow[]> =>
  lockWhere(tx, and(eq(workerRequests.taskId, taskId), isLiveRow));

/** What of the order was settled without the agent having been told; locked. */
export const lockUntold = (tx: Tx, workOrderId: string): Promise<RequestRow[]> =>
  lockWhere(
    tx,
    and(
      eq(workerRequests.workOrderId, workOrderId),
      isNotNull(workerRequests.settledAt),
      isNull(workerRequests.deliveredAt),
    ),
  );

/** The newest plan that a person agreed to; null when there is none, or the task says something else since. */
export async function findApprovedPlan(
  tx: Tx,
  taskId: string,
): Promise<{ requestId: string; steps: string[] } | null> {
  const [row] = await tx
    .select({ requestId: workerRequests.id, approval: workerRequests.approval })
    .from(workerRequests)
    .where(
      and(
        eq(workerRequests.taskId, taskId),
        eq(workerRequests.status, "answered"),
        eq(workerRequests.decision, "allow"),
        sql`${workerRequests.approval} ->> 'subject' = 'plan'`,
        notExists(
          tx
            .select({ one: sql`1` })
            .from(events)
            .where(
              and(
                eq(events.taskId, workerRequests.taskId),
                eq(events.type, "task.updated"),
                gt(events.occurredAt, workerRequests.settledAt),
                sql`${events.data} -> 'fields' ?| ${sql.param(plannedFields)}::text[]`,
              ),
            ),
        ),
      ),
    )
    .orderBy(desc(workerRequests.settledAt))
    .limit(1);
  return row === undefined ? null : { requestId: row.requestId, steps: row.approval?.steps ?? [] };
}

const hasLiveStatement: Statement = {
  name: "has-live-request",
  text: `select from worker_requests where work_order_id = $1 and attempt = $2 and status in ${liveStatusText} limit 1`,
};

/** True while anything that this attempt asked waits to be settled. */
export async function hasLive(
  tx: Tx,
  { workOrderId, attempt }: { workOrderId: string; attempt: number },
): Promise<boolean> {
  return (await runPrepared(tx, hasLiveStatement, [workOrderId, attempt])).length > 0;
}
