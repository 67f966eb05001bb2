import type { Finished, RunSuccess } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { isTransient } from "../../database/database-error.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { noteRecorded } from "../events/index.ts";
import type { AttemptRef } from "./attempt.repository.ts";
import { resultOfRun } from "./outcome.ts";

/**
 * The way of nearly every result, in one statement and so in one moment: the attempt holds its run, its files are there, and a
 * person is to look at it. What is written, and in which sequence rows are locked, is what `finishAttempt` does in several
 * statements. The task and then the order are locked in their newest version, which must still be held by this attempt.
 */
const submitForReviewStatement: Statement = {
  name: "submit-for-review",
  text: `
    with task as materialized (
      select t.id, t.correlation_id from tasks t
      where t.id = (select task_id from work_orders where id = $1) and t.status = 'in_progress'
        and not (t.permission_level = 'autonomous' and $3 = 'passed')
      for no key update
    ), held as materialized (
      select o.id, o.task_id, o.attempt, o.kind, o.worker_id, o.worker_instance_id, o.correlation_id from work_orders o
      where exists (select from task) and o.id = $1 and o.attempt = $2 and o.status = 'claimed' and o.kind = 'run'
      for no key update
    ), own as materialized (
      select e.id, e.worker_id, held.task_id, held.attempt, held.kind, held.correlation_id from held
      join executions e on e.task_id = held.task_id and e.attempt = held.attempt and e.status = 'running'
      where (select count(*) from artifacts a where a.execution_id = e.id and a.id = any($4::uuid[])) = cardinality($4::uuid[])
    ), ended as (
      update work_orders o set status = 'completed', lease_expires_at = null, claim_key = null, result_hash = $5,
        completed_at = now(), result = $6::jsonb
      from own where o.id = $1 and o.attempt = $2 and o.status = 'claimed'
      returning o.id
    ), execution as (
      update executions e set status = 'succeeded', completed_at = now(), duration_seconds = extract(epoch from now() - e.started_at),
        verification = $3, reason = $7, summary = $8, exit_code = coalesce($16::int, e.exit_code), metrics = $9::jsonb, evidence = $10::jsonb, base_commit = $11, commit = $12,
        branch = 'agentvine/' || own.task_id || '/a' || own.attempt
      from own, ended where e.id = own.id
    ), assignment as (
      update worker_assignments a set status = 'completed', result_hash = $5, answer = $13::jsonb, completed_at = now()
      from ended where a.work_order_id = ended.id and a.attempt = $2
    ), submitted as (
      update tasks t set status = 'in_review', status_reason = '', updated_at = now(), completed_at = null, assigned_to = null,
        result = $14::jsonb || jsonb_build_object('executionId', own.id)
      from own, ended where t.id = own.task_id
    ), slot as (
      update workers w set
        active_count = case when w.instance_id = held.worker_instance_id then greatest(w.active_count - 1, 0) else w.active_count end,
        status = case when w.instance_id = held.worker_instance_id and w.status = 'busy' and w.active_count <= 1 then 'idle'
          else w.status end, updated_at = now()
      from held, ended where w.id = held.worker_id
      returning w.instance_id = held.worker_instance_id and w.active_count = 0 and w.status = 'idle' as is_idle
    ), happened as (
      select 1 as n, 'execution.finished' as type, jsonb_build_object('kind', own.kind, 'status', 'succeeded', 'failure', null,
        'verification', $3::text, 'reason', $7::text) as data from own
      union all
      select 2, 'work_order.completed', jsonb_build_object('kind', own.kind, 'status', 'completed') from own
      union all
      select 3, 'task.submitted', jsonb_build_object('status', 'in_review', 'reason', '', 'outcome', 'succeeded', 'failure', null,
        'verification', $3::text) from own
    ), history as (
      insert into events (id, type, task_id, work_order_id, execution_id, worker_id, attempt, correlation_id, data)
      select ($15::uuid[])[happened.n], happened.type, own.task_id, ended.id, own.id,
        case when happened.n < 3 then own.worker_id end, own.attempt, own.correlation_id, happened.data
      from happened, own, ended
      union all
      select ($15::uuid[])[4], 'worker.status_changed', null, null, null, own.worker_id, null, null,
        '{"status": "idle", "reason": ""}'
      from own, slot where slot.is_idle
    )
    select id from ended`,
};

export interface ReviewResult {
  ref: AttemptRef;
  result: RunSuccess;
  /** Bundle and diff, each once. */
  artifactIds: readonly string[];
  /** By which a repeat is recognised. */
  resultHash: string;
}

/**
 * Takes a result that a person is to look at. Undefined, with nothing changed, when it is anything else: not held any more, a
 * repeat, published without a review, files missing. Then `finishAttempt` knows what it is.
 */
export async function submitForReview(
  db: Db,
  { ref, result, artifactIds, resultHash }: ReviewResult,
): Promise<Finished | undefined> {
  const answer: Finished = { ...ref, status: "completed", taskStatus: "in_review", availableInMs: null };
  const stored = storableJson(result);
  const { executionId: _, ...taskResult } = resultOfRun(stored, "");
  const rows = await runPrepared(db, submitForReviewStatement, [
    ref.workOrderId,
    ref.attempt,
    result.verification,
    artifactIds,
    resultHash,
    JSON.stringify(stored),
    storableText(result.evidence.reason),
    storableText(result.summary),
    JSON.stringify(stored.metrics),
    JSON.stringify(stored.evidence),
    result.baseCommit,
    result.commit,
    JSON.stringify(answer),
    JSON.stringify(taskResult),
    [newId(), newId(), newId(), newId()],
    result.exitCode ?? null,
  ]).catch((error: unknown) => {
    // Two that lock each other out: the general way tries again.
    if (isTransient(error)) return [];
    throw error;
  });
  if (rows.length === 0) {
    return undefined;
  }
  noteRecorded(db);
  return answer;
}
