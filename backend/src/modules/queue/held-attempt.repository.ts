import type { ExecutionMetrics, Finished } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import type { WorkerAssignmentStatus } from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { type TaskRow, taskShape } from "../tasks/index.ts";
import type { AttemptRef, ExecutionEnd, OrderAfter } from "./attempt.repository.ts";
import { type OrderRow, orderShape } from "./order-row.repository.ts";
import { announceWork } from "./work-channel.repository.ts";

/** An order that the attempt holds, locked, with its task and its execution. */
export interface HeldWork {
  order: OrderRow;
  task: TaskRow;
  executionId: string;
  /** How many of the artifacts asked about exist and belong to this attempt. */
  ownArtifacts: number;
  /** Database time of this transaction. */
  now: Date;
}

/**
 * Locks the task of the order, then the order when this attempt holds it: everybody locks in this sequence. The order's lock is
 * taken on its newest version, whatever the statement saw first.
 */
const lockAttemptStatement: Statement = {
  name: "lock-attempt",
  text: `
    with task as materialized (
      select ${taskShape.columns("t", "t_")} from tasks t
      where t.id = (select task_id from work_orders where id = $1)
      for no key update
    ), held as materialized (
      select ${orderShape.columns("o", "o_")} from work_orders o
      where exists (select from task) and o.id = $1 and o.attempt = $2 and o.status = 'claimed'
      for no key update
    ), execution as (
      select e.id from executions e, task where e.task_id = task.t_id and e.attempt = $2
    )
    select task.*, held.*, execution.id as execution_id, now() as now,
      (select count(*)::int from artifacts a where a.id = any($3::uuid[]) and a.execution_id = execution.id) as own_artifacts
    from task left join held on true left join execution on true`,
};

interface LockedRow {
  execution_id: string | null;
  own_artifacts: number;
  now: Date;
}

/** What the attempt holds, locked: its task alone when it does not hold the order. Undefined when there is no such order. */
export async function lockAttempt(
  tx: Tx,
  { workOrderId, attempt }: AttemptRef,
  artifactIds: readonly string[],
): Promise<{ task: TaskRow; held: HeldWork | undefined } | undefined> {
  const [row] = await runPrepared<LockedRow>(tx, lockAttemptStatement, [workOrderId, attempt, artifactIds]);
  const task = row && taskShape.read(row, "t_");
  if (row === undefined || task === undefined) {
    return undefined;
  }
  const order = orderShape.read(row, "o_");
  const held =
    order === undefined || row.execution_id === null
      ? undefined
      : {
          ...{ order, task, executionId: row.execution_id },
          ...{ ownArtifacts: row.own_artifacts, now: row.now },
        };
  return { task, held };
}

/**
 * Ends an attempt in one statement, which compares attempt and status once more: the order goes on as it must, its execution and
 * its assignment end, and the slot is free again. Of the rows it changes only the worker's was not locked before: workers are
 * locked last.
 */
const endAttemptStatement: Statement = {
  name: "end-attempt",
  text: `
    with ended as (
      update work_orders set status = $3::text, lease_expires_at = null, claim_key = null, result_hash = $4,
        completed_at = case when $3::text in ('pending', 'parked') then null else now() end,
        result = coalesce($5::jsonb, result),
        error_message = case when $6::boolean then $7 else error_message end,
        dead_lettered_at = case when $8::boolean then now() else dead_lettered_at end,
        worker_id = case when $3::text in ('pending', 'parked') then null else worker_id end,
        worker_instance_id = case when $3::text in ('pending', 'parked') then null else worker_instance_id end,
        available_at = case when $3::text = 'pending' then now() + $9::float8 * interval '1 millisecond' else available_at end,
        retry_count = retry_count + $10::int
      where id = $1 and attempt = $2 and status = 'claimed'
      returning id, task_id
    ), execution as (
      update executions e set status = $11, completed_at = now(), duration_seconds = extract(epoch from now() - e.started_at),
        failure = coalesce($12, e.failure), verification = coalesce($13, e.verification), reason = coalesce($14, e.reason),
        summary = coalesce($15, e.summary), exit_code = coalesce($16::int, e.exit_code), metrics = coalesce($17::jsonb, e.metrics),
        evidence = coalesce($18::jsonb, e.evidence), base_commit = coalesce($19, e.base_commit), commit = coalesce($20, e.commit),
        branch = coalesce($21, e.branch)
      from ended where e.task_id = ended.task_id and e.attempt = $2 and e.status = 'running'
    ), assignment as (
      update worker_assignments a set status = $22, result_hash = $4, answer = $23::jsonb, completed_at = now()
      from ended where a.work_order_id = ended.id and a.attempt = $2
    ), slot as (
      -- Found by its id alone: a registration that is under way is waited for, and what it counted is seen.
      update workers w set
        active_count = case when w.instance_id = $25 then greatest(w.active_count - 1, 0) else w.active_count end,
        status = case when w.instance_id = $25 and w.status = 'busy' and w.active_count <= 1 then 'idle' else w.status end,
        updated_at = now()
      from ended where w.id = $24
      returning w.instance_id = $25 and w.active_count = 0 and w.status = 'idle' as is_idle
    )
    select slot.is_idle from ended left join slot on true`,
};

export interface AttemptEnd {
  after: OrderAfter;
  execution: ExecutionEnd;
  assignment: WorkerAssignmentStatus;
  resultHash: string;
  /** What a repeat of the same result is told. */
  answer: Finished;
}

const textOrNull = (text: string | null | undefined): string | null =>
  text === null || text === undefined ? null : storableText(text);
const jsonOrNull = (value: object | null | undefined): string | null =>
  value === null || value === undefined ? null : JSON.stringify(storableJson(value));

/**
 * Ends the attempt. Undefined when it does not hold the order (any more), else whether its worker has nothing to do now.
 */
export async function endAttempt(
  tx: Tx,
  order: OrderRow,
  { after, execution, assignment, resultHash, answer }: AttemptEnd,
): Promise<{ isWorkerIdle: boolean } | undefined> {
  const metrics: ExecutionMetrics | null | undefined = execution.metrics;
  const [row] = await runPrepared<{ is_idle: boolean | null }>(tx, endAttemptStatement, [
    order.id,
    order.attempt,
    after.status,
    resultHash,
    jsonOrNull("result" in after ? after.result : null),
    "errorMessage" in after,
    textOrNull("errorMessage" in after ? after.errorMessage : null),
    after.status === "failed" && after.isDeadLetter,
    after.status === "pending" ? after.delayMs : 0,
    after.status === "pending" && after.isRetry === true ? 1 : 0,
    execution.outcome,
    execution.failure ?? null,
    execution.verification ?? null,
    textOrNull(execution.reason),
    textOrNull(execution.summary),
    execution.exitCode ?? null,
    jsonOrNull(metrics),
    jsonOrNull(execution.evidence),
    textOrNull(execution.baseCommit),
    textOrNull(execution.commit),
    textOrNull(execution.branch),
    assignment,
    JSON.stringify(answer),
    order.workerId,
    order.workerInstanceId,
  ]);
  if (row !== undefined && after.status === "pending" && after.delayMs <= 0) {
    announceWork(tx, [order.workType]);
  }
  return row && { isWorkerIdle: row.is_idle === true };
}
