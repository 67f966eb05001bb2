import type { WorkerRequest } from "@agentvine/contracts";
import pg from "pg";
import type { HttpClient } from "../http-client.ts";

/**
 * Copies a request that waits for people, with its task and its order, until `open` wait and `settled` were answered, as they come in
 * the course of a month; what waits was asked within the last hours.
 */
const fillSql = `
  with made as materialized (
    select gen_random_uuid() as task, gen_random_uuid() as work_order, gen_random_uuid() as request, n <= $2 as is_open, n,
      case when n <= $2 then now() - random() * interval '5 hours' else now() - interval '6 hours' - random() * interval '30 days' end as at
    from generate_series(1, $2::int + $3::int) n),
  copied_tasks as (
    insert into tasks select copy.* from made, tasks t, lateral jsonb_populate_record(t, jsonb_build_object('id', task,
      'title', 'Totals are off, case ' || n, 'created_at', at, 'priority', (array['low', 'normal', 'normal', 'high', 'critical'])[1 + n % 5],
      'status', case when is_open then 'waiting' else 'completed' end)) copy
    where t.id = (select task_id from worker_requests where id = $1)),
  copied_orders as (
    insert into work_orders select copy.* from made, work_orders o, lateral jsonb_populate_record(o, jsonb_build_object(
      'id', work_order, 'task_id', task, 'status', case when is_open then 'parked' else 'completed' end, 'claim_key', null,
      'lease_expires_at', null)) copy
    where o.id = (select work_order_id from worker_requests where id = $1))
  insert into worker_requests select copy.* from made, worker_requests r, lateral jsonb_populate_record(r, jsonb_build_object(
    'id', request, 'task_id', task, 'work_order_id', work_order, 'question', 'Which rate counts in case ' || n || '?',
    'fingerprint', md5(n::text), 'raised_at', at, 'routed_at', at, 'deadline_at', at + interval '1 day')
    || case when is_open then jsonb_build_object('assigned_to', case when n % 10 = 0 then $4::uuid end)
    else jsonb_build_object('status', 'answered', 'settled_at', at + interval '5 minutes', 'delivered_at', at + interval '5 minutes',
      'answer_source', 'person', 'answered_by', 'somebody', 'answer_text', 'The lower one.') end) copy
  where r.id = $1`;

export interface InboxSize {
  open: number;
  settled: number;
}

/** Fills the inbox with copies of the request. Every tenth that waits is given to the local user. */
export async function fillInbox(
  databaseUrl: string,
  http: HttpClient,
  request: WorkerRequest,
  { open, settled }: InboxSize,
): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>("select id from users where username = 'local'");
    // Only foreign keys are not checked.
    await client.query("set session_replication_role = replica");
    await client.query(fillSql, [request.id, open - 1, settled, rows[0]?.id]);
    await client.query("vacuum (analyze)");
  } finally {
    await client.end();
  }
  const { total } = await http.send<{ total: number }>("GET", "/api/v1/worker-requests?isLive=true");
  if (total !== open) throw new Error(`${total} requests wait where ${open} were filled in`);
}
