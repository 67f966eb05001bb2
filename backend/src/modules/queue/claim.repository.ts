import type { ClaimRequest, WorkerCapabilities } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Database, Db } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { shapeOf } from "../../database/row-shape.ts";
import { checkpoints, repositories } from "../../database/schema/index.ts";
import { noteRecorded } from "../events/index.ts";
import { type TaskRowWithDependencies, taskShape } from "../tasks/index.ts";
import { type OrderRow, orderShape } from "./order-row.repository.ts";

/** A lease, new or held already under the same key, with what the worker needs to know. */
export interface Lease {
  executionId: string;
  /** What is left of it, in milliseconds. */
  leaseMs: number;
  order: OrderRow;
  task: TaskRowWithDependencies;
  repository: typeof repositories.$inferSelect;
  /** Who works on it. */
  worker: { name: string; capabilities: WorkerCapabilities };
  /** Where the work may be taken up again. */
  checkpoint: typeof checkpoints.$inferSelect | undefined;
}

export interface ClaimInput {
  request: Pick<ClaimRequest, "workerId" | "instanceId" | "taskTypes">;
  /** The key that asks: the worker must have registered with it, unless null. */
  apiKeyId: string | null;
  /** Idempotency key: a repeat finds the same lease. */
  claimKey: string;
  leaseMs: number;
}

const leftMs = (expiresAt: string): string =>
  `(extract(epoch from ${expiresAt} - clock_timestamp()) * 1000)::int`;

const repositoryShape = shapeOf(repositories);
const checkpointShape = shapeOf(checkpoints);

const taskColumnsOf = (alias: string): string =>
  `${taskShape.columns(alias, "t_")}, array(select d.depends_on_task_id::text from task_dependencies d
    where d.task_id = ${alias}.id order by d.created_at, 1) as t_depends_on`;

/** Payload field of a run order: checkpoints up to this attempt are not to be taken up again. */
export const freshAfterAttemptField = "freshAfterAttempt";

const latestCheckpoint = (kind: string, payload: string, taskId: string): string => `
  select * from checkpoints where ${kind} = 'run' and task_id = ${taskId}
    and attempt > coalesce((${payload}->>'${freshAfterAttemptField}')::int, 0)
  order by attempt desc, step desc, id desc limit 1`;

/** The worker registered with the key that asks, or without one. */
const hasKey = (worker: string): string =>
  `($9::uuid is null or ${worker}.api_key_id is null or ${worker}.api_key_id = $9)`;

/** The key that asks still is one: a claim may have waited for long since it was let in. */
const isKeyLive = `($9::uuid is null or exists (select from api_keys k
  where k.id = $9 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())))`;

/**
 * The claim: one statement, and so one moment. It
 * - takes nothing when a lease is held under the same key (`held`);
 * - else looks up which kinds of work are queued at all (`needed`, one step in the index for each), which of them the worker
 *   can do and how old the oldest order of each is (`head`), and takes the first available one in rank order (`pick`). Orders
 *   that somebody has locked are passed over, so claims never wait for each other. No step depends on how many are queued;
 * - locks its task (`locked`) without waiting, since others lock the task before the order; if somebody else has it, the
 *   statement changes nothing and gives a row without an order: ask again;
 * - takes a slot of the worker, if that process is still the worker and has one free (`slot`). The row's lock makes parallel
 *   claims of one worker count right;
 * - raises the task's attempt, the fencing token (`numbered`), and writes lease, assignment, execution and history;
 * - gives one row: whether the best order was locked by somebody, what is held, and the lease with everything the worker needs to know.
 * Everything hangs on the CTE before it: if one gives no row, nothing is changed. Only database time is used.
 */
export const claimSql = `
with recursive needed(work_type) as (
  (select o.work_type from work_orders o where o.status = 'pending' order by o.work_type limit 1)
  union all
  select (select o.work_type from work_orders o
    where o.status = 'pending' and o.work_type > needed.work_type order by o.work_type limit 1)
  from needed where needed.work_type is not null
), can as materialized (
  select
    coalesce(array_agg(value) filter (where kind = 'task_type' and value = any($4::text[])), '{}') as types,
    coalesce(array_agg(value) filter (where kind = 'label'), '{}') as labels,
    coalesce(array_agg(value) filter (where kind = 'agent_driver'), '{}') as drivers,
    coalesce(array_agg(value) filter (where kind = 'agent_model'), '{}') as models
  from worker_capabilities where worker_id = $1::uuid
), held as materialized (
  select o.id from work_orders o join workers w on w.id = o.worker_id
  where o.worker_id = $1 and o.claim_key = $3 and o.status = 'claimed' and ${hasKey("w")}
), head as materialized (
  select needed.work_type, oldest.ranked_at
  from needed cross join can cross join lateral (select needed.work_type::jsonb as need) parsed
  cross join lateral (
    select o.ranked_at from work_orders o
    where o.status = 'pending' and o.work_type = needed.work_type and o.available_at <= now()
    order by o.ranked_at limit 1) oldest
  where need->>'type' = 'publish' or (
    need->>'type' = any(can.types)
    and array(select jsonb_array_elements_text(need->'labels')) <@ can.labels
    and cardinality(can.drivers) > 0
    and (need->>'driver' is null or need->>'driver' = any(can.drivers))
    and (need->>'model' is null or concat_ws(' ', need->>'driver', need->>'model') = any(can.models)))
), pick as materialized (
  select found.* from (select work_type, ranked_at from head order by ranked_at) queue
  cross join lateral (
    select o.id, o.task_id, o.kind from work_orders o
    where o.status = 'pending' and o.work_type = queue.work_type and o.available_at <= now()
      and (o.expires_at is null or o.expires_at > now())
      -- A subquery, not a join: the planner must not think of anything but walking the index in rank order.
      and (select t.status in ('queued', 'in_progress', 'in_review') from tasks t where t.id = o.task_id)
    order by o.ranked_at limit 1
    for no key update of o skip locked) found
  where not exists (select from held)
  order by queue.ranked_at limit 1
), locked as materialized (
  select t.id, t.status from tasks t, pick where t.id = pick.task_id
  for no key update of t skip locked
), slot as (
  update workers set active_count = active_count + 1, status = 'busy', updated_at = now()
  where id = $1 and instance_id = $2::uuid and deregistered_at is null and status in ('idle', 'busy')
    and active_count < max_concurrent_tasks and ${hasKey("workers")} and ${isKeyLive} and exists (select from locked)
  returning id, name, capabilities, active_count
), numbered as (
  update tasks t set attempt = t.attempt + 1, runs = t.runs + (pick.kind = 'run')::int, assigned_to = $1,
    status = case when t.status = 'queued' then 'in_progress' else t.status end, status_reason = '',
    started_at = coalesce(t.started_at, now()), updated_at = now()
  from pick, slot, locked where t.id = locked.id
  returning locked.status as task_status, ${taskColumnsOf("t")}
), lease as (
  update work_orders o set status = 'claimed', attempt = numbered.t_attempt, worker_id = $1, worker_instance_id = $2,
    claim_key = $3, claimed_at = now(), lease_expires_at = now() + $5 * interval '1 millisecond',
    completed_at = null, error_message = null, dead_lettered_at = null
  from pick, numbered where o.id = pick.id
  returning ${orderShape.columns("o", "o_")}
), assignment as (
  insert into worker_assignments (id, worker_id, work_order_id, attempt, status)
  select $6::uuid, $1, o_id, o_attempt, 'active' from lease
), agent as (
  select a as value from slot, numbered, jsonb_array_elements(slot.capabilities->'agents') a
  where (numbered.t_agent->>'driver' is null or a->>'driver' = numbered.t_agent->>'driver')
    and (numbered.t_agent->>'model' is null or a->>'model' = numbered.t_agent->>'model')
  limit 1
), execution as (
  insert into executions (id, task_id, work_order_id, worker_id, kind, attempt, status, sandbox, agent, is_scripted, correlation_id)
  select $7::uuid, lease.o_task_id, lease.o_id, $1, lease.o_kind, lease.o_attempt, 'running', slot.capabilities->'sandbox'->>'driver',
    case when lease.o_kind = 'publish' then ''
      else coalesce((select concat_ws(' ', value->>'driver', value->>'model') from agent), '') end,
    lease.o_kind <> 'publish' and coalesce((select (value->>'isScripted')::boolean from agent), false), numbered.t_correlation_id
  from lease, slot, numbered
  returning id, task_id, work_order_id, attempt, correlation_id
), happened as (
  select 1 as n, 'work_order.claimed' as type, jsonb_build_object('worker', slot.name) as data from slot
  union all
  select 2, 'task.claimed', jsonb_build_object('status', 'in_progress', 'worker', slot.name)
  from slot, numbered where numbered.task_status = 'queued'
  union all
  select 3, 'execution.started', jsonb_build_object('status', 'running', 'kind', lease.o_kind) from lease
  union all
  select 4, 'worker.status_changed', jsonb_build_object('name', slot.name, 'status', 'busy', 'reason', '')
  from slot where slot.active_count = 1
), history as (
  insert into events (id, type, task_id, work_order_id, execution_id, worker_id, attempt, correlation_id, data)
  select ($8::uuid[])[happened.n], happened.type, e.task_id, e.work_order_id, e.id, $1, e.attempt, e.correlation_id, happened.data
  from happened, execution e
)
select exists (select from pick) and not exists (select from locked) as is_busy, (select id from held) as held_id,
  execution.id as execution_id, ${leftMs("lease.o_lease_expires_at")} as lease_ms, lease.*, numbered.*,
  ${repositoryShape.columns("r", "r_")}, ${checkpointShape.columns("c", "c_")},
  slot.name as w_name, slot.capabilities as w_capabilities
from (select) one left join lease on true left join numbered on true left join execution on true left join slot on true
left join repositories r on r.id = numbered.t_repository_id
left join lateral (${latestCheckpoint("lease.o_kind", "lease.o_payload", "lease.o_task_id")}) c on true`;

/** A lease that is held already. Read on its own: its columns in the claim would cost every claim. */
const heldLease: Statement = {
  name: "held-lease",
  text: `
    select e.id as execution_id, ${leftMs("o.lease_expires_at")} as lease_ms, ${orderShape.columns("o", "o_")},
      ${taskColumnsOf("t")}, ${repositoryShape.columns("r", "r_")}, ${checkpointShape.columns("c", "c_")},
      w.name as w_name, w.capabilities as w_capabilities
    from work_orders o join workers w on w.id = o.worker_id join tasks t on t.id = o.task_id join repositories r on r.id = t.repository_id
    join executions e on e.task_id = o.task_id and e.attempt = o.attempt
    left join lateral (${latestCheckpoint("o.kind", "o.payload", "o.task_id")}) c on true
    where o.id = $1 and o.status = 'claimed' and o.worker_id = $2 and o.claim_key = $3`,
};

interface LeaseRow {
  execution_id: string | null;
  lease_ms: number;
  t_depends_on: string[];
  w_name: string | null;
  w_capabilities: WorkerCapabilities | null;
}

interface ClaimedRow extends LeaseRow {
  is_busy: boolean;
  held_id: string | null;
}

/** The lease of a row; undefined when it holds none. */
function readLease(row: LeaseRow | undefined): Lease | undefined {
  const order = row && orderShape.read(row, "o_");
  const task = row && taskShape.read(row, "t_");
  const repository = row && repositoryShape.read(row, "r_");
  if (!row?.execution_id || order === undefined || task === undefined || repository === undefined) {
    return undefined;
  }
  const { w_name: name, w_capabilities: capabilities } = row;
  if (name === null || capabilities === null) {
    return undefined;
  }
  return {
    executionId: row.execution_id,
    leaseMs: row.lease_ms,
    order,
    task: { ...task, dependsOn: row.t_depends_on },
    repository,
    worker: { name, capabilities },
    checkpoint: checkpointShape.read(row, "c_"),
  };
}

/**
 * Leases the best order for the worker, or returns the lease it holds under the key. Undefined when there is none for it, or when
 * it may not claim (unknown, no free slot, draining, replaced, of another key); `busy` when somebody has the best order's task
 * locked at this moment.
 * @throws a unique violation of `work_orders_claim_key_key` when the same key claims at the same time: ask again
 */
export async function claimOrder(
  db: Db,
  { request, apiKeyId, claimKey, leaseMs }: ClaimInput,
): Promise<Lease | "busy" | undefined> {
  const [row] = await runPrepared<ClaimedRow>(db, { name: "claim-order", text: claimSql }, [
    request.workerId,
    request.instanceId,
    claimKey,
    request.taskTypes,
    leaseMs,
    newId(),
    newId(),
    [newId(), newId(), newId(), newId()],
    apiKeyId,
  ]);
  if (row?.is_busy === true) {
    return "busy";
  }
  if (row !== undefined && row.held_id !== null) {
    const [held] = await runPrepared<LeaseRow>(db, heldLease, [row.held_id, request.workerId, claimKey]);
    return readLease(held);
  }
  const lease = readLease(row);
  if (lease !== undefined) {
    noteRecorded(db);
  }
  return lease;
}

/** Unique index that lets one of several parallel claims under one key win. */
export const claimKeyIndex = "work_orders_claim_key_key";

/**
 * True when an order is claimable now, by whomever. Cheap: for the sweep that wakes claims for what falls due by itself.
 */
export async function hasClaimableOrder(pool: Database["pool"]): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: "has-claimable-order",
    text: "select 1 from work_orders where status = 'pending' and available_at <= now() limit 1",
  });
  return rowCount !== null && rowCount > 0;
}
