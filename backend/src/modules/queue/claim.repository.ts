import type { ClaimRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Database } from "../../database/client.ts";
import { recordedChannel } from "../events/index.ts";

/** A lease, new or held already under the same key. */
export interface Lease {
  orderId: string;
  executionId: string;
  /** What is left of it, in milliseconds. */
  leaseMs: number;
}

export interface ClaimInput {
  request: Pick<ClaimRequest, "workerId" | "instanceId" | "taskTypes">;
  /** Idempotency key: a repeat finds the same lease. */
  claimKey: string;
  leaseMs: number;
}

const leftMs = (row: string): string =>
  `(extract(epoch from ${row}.lease_expires_at - clock_timestamp()) * 1000)::int`;

/**
 * The claim: one statement, and so one moment. It
 * - returns the lease that is held under the same key, if there is one (`held`);
 * - else walks the claim index in rank order, per kind of work, and takes the first available order that the worker can do
 *   (`pick`). Orders and tasks that somebody has locked are passed over, so claims never wait for each other;
 * - takes a slot of the worker, if that process is still the worker and has one free (`slot`). The row's lock makes parallel
 *   claims of one worker count right;
 * - raises the task's attempt, the fencing token (`numbered`), and writes lease, assignment, execution and history.
 * Everything hangs on the CTE before it: if one gives no row, nothing is changed. Only database time is used.
 */
const claimSql = `
with can as materialized (
  select
    coalesce(array_agg(value) filter (where kind = 'task_type' and value = any($4::text[])), '{}') || '{publish}'::text[] as work_types,
    coalesce(array_agg(value) filter (where kind = 'label'), '{}') as labels,
    coalesce(array_agg(value) filter (where kind = 'agent_driver'), '{}') as drivers,
    coalesce(array_agg(value) filter (where kind = 'agent_model'), '{}') as models
  from worker_capabilities where worker_id = $1::uuid
), held as materialized (
  select id, task_id, attempt, lease_expires_at from work_orders
  where worker_id = $1 and claim_key = $3 and status = 'claimed'
), head as materialized (
  select able.work_type, oldest.ranked_at from unnest((select work_types from can)) as able(work_type)
  cross join lateral (
    select o.ranked_at from work_orders o
    where o.status = 'pending' and o.work_type = able.work_type and o.available_at <= now()
    order by o.ranked_at limit 1) oldest
), pick as materialized (
  select found.* from (select work_type, ranked_at from head order by ranked_at) queue
  cross join lateral (
    select o.id, o.task_id, o.kind, t.status as task_status
    from work_orders o join tasks t on t.id = o.task_id
    where o.status = 'pending' and o.work_type = queue.work_type and o.available_at <= now()
      and (o.expires_at is null or o.expires_at > now())
      and t.status in ('queued', 'in_progress', 'in_review')
      and (o.kind = 'publish' or (
        t.required_labels <@ (select labels from can)
        and cardinality((select drivers from can)) > 0
        and (t.agent->>'driver' is null or t.agent->>'driver' = any((select drivers from can)::text[]))
        and (t.agent->>'model' is null
          or concat_ws(' ', t.agent->>'driver', t.agent->>'model') = any((select models from can)::text[]))))
    order by o.ranked_at limit 1
    for no key update of o, t skip locked) found
  where not exists (select from held)
  order by queue.ranked_at limit 1
), slot as (
  update workers set active_count = active_count + 1, status = 'busy', updated_at = now()
  where id = $1 and instance_id = $2::uuid and deregistered_at is null and status in ('idle', 'busy')
    and active_count < max_concurrent_tasks and exists (select from pick)
  returning id, name, capabilities, active_count
), numbered as (
  update tasks t set attempt = t.attempt + 1, runs = t.runs + (pick.kind = 'run')::int, assigned_to = $1,
    status = case when t.status = 'queued' then 'in_progress' else t.status end, status_reason = '',
    started_at = coalesce(t.started_at, now()), updated_at = now()
  from pick, slot where t.id = pick.task_id
  returning t.id, t.attempt, t.agent, t.correlation_id, pick.task_status
), lease as (
  update work_orders o set status = 'claimed', attempt = numbered.attempt, worker_id = $1, worker_instance_id = $2,
    claim_key = $3, claimed_at = now(), lease_expires_at = now() + $5 * interval '1 millisecond',
    completed_at = null, error_message = null, dead_lettered_at = null
  from pick, numbered where o.id = pick.id
  returning o.id, o.task_id, o.kind, o.attempt, o.lease_expires_at
), assignment as (
  insert into worker_assignments (id, worker_id, work_order_id, attempt, status)
  select $6::uuid, $1, id, attempt, 'active' from lease
), agent as (
  select a as value from slot, numbered, jsonb_array_elements(slot.capabilities->'agents') a
  where (numbered.agent->>'driver' is null or a->>'driver' = numbered.agent->>'driver')
    and (numbered.agent->>'model' is null or a->>'model' = numbered.agent->>'model')
  limit 1
), execution as (
  insert into executions (id, task_id, work_order_id, worker_id, kind, attempt, status, sandbox, agent, is_scripted, correlation_id)
  select $7::uuid, lease.task_id, lease.id, $1, lease.kind, lease.attempt, 'running', slot.capabilities->'sandbox'->>'driver',
    case when lease.kind = 'publish' then ''
      else coalesce((select concat_ws(' ', value->>'driver', value->>'model') from agent), '') end,
    lease.kind <> 'publish' and coalesce((select (value->>'isScripted')::boolean from agent), false), numbered.correlation_id
  from lease, slot, numbered
  returning id, task_id, work_order_id, attempt, correlation_id
), happened as (
  select 1 as n, 'work_order.claimed' as type, jsonb_build_object('worker', slot.name) as data from slot
  union all
  select 2, 'task.claimed', jsonb_build_object('status', 'in_progress', 'worker', slot.name)
  from slot, numbered where numbered.task_status = 'queued'
  union all
  select 3, 'execution.started', jsonb_build_object('status', 'running', 'kind', lease.kind) from lease
  union all
  select 4, 'worker.status_changed', jsonb_build_object('name', slot.name, 'status', 'busy', 'reason', '')
  from slot where slot.active_count = 1
), history as (
  insert into events (id, type, task_id, work_order_id, execution_id, worker_id, attempt, correlation_id, data)
  select ($8::uuid[])[happened.n], happened.type, e.task_id, e.work_order_id, e.id, $1, e.attempt, e.correlation_id, happened.data
  from happened, execution e
)
select lease.id as order_id, execution.id as execution_id, ${leftMs("lease")} as lease_ms, pg_notify($9, '')::text as told
from lease, execution
union all
select held.id, e.id, ${leftMs("held")}, null
from held join executions e on e.task_id = held.task_id and e.attempt = held.attempt`;

/**
 * Leases the best order for the worker, or returns the lease it holds under the key. Undefined when there is none for it, or when
 * it may not claim (no free slot, draining, replaced).
 * @throws a unique violation of `work_orders_claim_key_key` when the same key claims at the same time: ask again
 */
export async function claimOrder(pool: Database["pool"], input: ClaimInput): Promise<Lease | undefined> {
  const { request, claimKey, leaseMs } = input;
  const { rows } = await pool.query<{ order_id: string; execution_id: string; lease_ms: number }>({
    name: "claim-order",
    text: claimSql,
    values: [
      request.workerId,
      request.instanceId,
      claimKey,
      request.taskTypes,
      leaseMs,
      newId(),
      newId(),
      [newId(), newId(), newId(), newId()],
      recordedChannel,
    ],
  });
  const [row] = rows;
  return row === undefined
    ? undefined
    : { orderId: row.order_id, executionId: row.execution_id, leaseMs: row.lease_ms };
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
