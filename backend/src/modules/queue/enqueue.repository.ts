import { type Priority, priorities } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { noteRecorded } from "../events/index.ts";
import { type OrderRow, orderShape } from "./order-row.repository.ts";
import { headStartSeconds, queuePlace } from "./ranking.ts";
import { maxRetriesDefault } from "./retry-policy.ts";
import { announceWork } from "./work-channel.repository.ts";

export interface EnqueueOptions {
  /** Only when some worker seems able to run it. */
  needsWorker: boolean;
  delaySeconds?: number | undefined;
  expiresInSeconds?: number | undefined;
  maxRetries?: number | undefined;
}

const anyWork = { taskType: "bugfix", requiredLabels: [], agent: {} } as const;
const laneOf = (priority: Priority): string => queuePlace("run", anyWork, priority).lane;
/** What a priority means, as SQL sees it. */
const byPriority = (meaningOf: (priority: Priority) => string | number): string =>
  `case priority ${priorities.map((one) => `when '${one}' then ${meaningOf(one)}`).join(" ")} end`;

/** Workers that advertise what the task needs and were heard of within the hour. Whether none really can is for the caller to find out. */
const ableWorker = `
  select from workers w
  where w.deregistered_at is null and (w.status <> 'offline' or w.last_heartbeat_at > now() - interval '1 hour')
    and w.capabilities->'taskTypes' ? task_type
    and w.capabilities->'labels' @> to_jsonb(required_labels)
    and exists (select from jsonb_array_elements(w.capabilities->'agents') a
      where (agent->>'driver' is null or a->>'driver' = agent->>'driver')
        and (agent->>'model' is null or a->>'model' = agent->>'model'))`;

/**
 * Queues a task that is pending and has never been given anything to wait for: one statement, so one moment. Whoever gives the
 * task something to wait for locks it and marks it, so that this statement, having waited for the lock, finds it marked.
 */
const enqueueReadyText = (condition: string): string => `
    with task as materialized (
      select id, work_type, priority, timeout_seconds, correlation_id from tasks
      where id = $1 and status = 'pending' and not has_dependencies and work_type <> ''${condition}
      for no key update
    ), ordered as (
      insert into work_orders (id, task_id, kind, queue_name, work_type, status, payload, max_retries, timeout_seconds,
        enqueued_at, ranked_at, available_at, expires_at, correlation_id)
      select $2::uuid, id, 'run', ${byPriority((one) => `'${laneOf(one)}'`)}, work_type, 'pending',
        '{"baseBranch": null, "followUp": null}', $3::int, timeout_seconds, now(),
        now() - ${byPriority((one) => headStartSeconds[one])} * interval '1 second',
        now() + $4::float8 * interval '1 second', now() + $5::float8 * interval '1 second', correlation_id
      from task
      returning ${orderShape.columns("work_orders")}
    ), moved as (
      update tasks t set status = 'queued', status_reason = '', updated_at = now() from task where t.id = task.id
    ), history as (
      insert into events (id, type, task_id, work_order_id, correlation_id, data)
      select $6::uuid, 'work_order.enqueued', task_id, id, correlation_id,
        jsonb_build_object('kind', kind, 'status', status, 'lane', queue_name) from ordered
      union all
      select $7::uuid, 'task.queued', task_id, null, correlation_id, '{"status": "queued", "reason": ""}' from ordered
    )
    select ${orderShape.columns("ordered")} from ordered`;

// Two statements, not one with a flag: PostgreSQL would plan that one anew for each value.
const enqueueAny: Statement = { name: "enqueue-any", text: enqueueReadyText("") };
const enqueueRunnable: Statement = {
  name: "enqueue-runnable",
  text: enqueueReadyText(` and exists (${ableWorker})`),
};

/** The order of a task that could be queued at once; undefined when it is not pending, may wait for others, or is not there. */
export async function enqueueReady(
  source: Db | Tx,
  taskId: string,
  { needsWorker, delaySeconds = 0, expiresInSeconds, maxRetries = maxRetriesDefault }: EnqueueOptions,
): Promise<OrderRow | undefined> {
  const [row] = await runPrepared(source, needsWorker ? enqueueRunnable : enqueueAny, [
    taskId,
    newId(),
    maxRetries,
    delaySeconds,
    expiresInSeconds ?? null,
    newId(),
    newId(),
  ]);
  const order = row && orderShape.read(row);
  if (order === undefined) {
    return undefined;
  }
  noteRecorded(source);
  if (delaySeconds === 0) {
    announceWork(source, [order.workType]);
  }
  return order;
}
