import { laneOf, lanes, priorities } from "@agentvine/contracts";
import { completedResult, evidence, samplePhrases, sentences, shares } from "./sample-text.ts";

export const repositoryCount = 50;
export const workerCount = 100;

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** One of the texts, at random, for every row. */
const oneOf = (texts: readonly string[]): string =>
  `(array[${texts.map(quote).join(", ")}])[1 + floor(random() * ${texts.length})::int]`;

/** The text whose share of all rows the random number falls into. */
const spread = (random: string, parts: Readonly<Record<string, number>>): string => {
  let upTo = 0;
  const branches = Object.entries(parts).map(([text, share]) => {
    upTo += share;
    return `when ${random} < ${upTo.toFixed(4)} then ${quote(text)}`;
  });
  return `case ${branches.join(" ")} else ${quote(Object.keys(parts)[0] ?? "")} end`;
};

const laneCase = `case priority ${priorities.map((one) => `when '${one}' then '${laneOf(one)}'`).join(" ")} else '${lanes[1]}' end`;

/**
 * One batch of tasks, $1 to $2 of $3, spread evenly over a year and inserted oldest first as they would have been. What is
 * still alive is among the newest. Nearly every task has an order, most have an execution; each has its events.
 */
export const batchSql = `
  with made as materialized (
    select n, now() - interval '365 days' * (1 - n::float8 / $3) as at, random() as luck,
      random() as taste, random() as weight, random() as kin, random() as place
    from generate_series($1::int, $2::int) n),
  seeds as materialized (
    select n, uuidv7(at - clock_timestamp()) as id, at, kin,
      case when n > $3 - least(64, $3 / 50) then 'in_progress'
        when n > $3 * 0.98 then ${spread("luck", shares.newStatus)}
        else ${spread("luck", shares.oldStatus)} end as status,
      ${spread("taste", shares.type)} as type, ${spread("weight", shares.priority)} as priority,
      1 + floor(${repositoryCount} * place ^ 3)::int as repository, 1 + n % ${workerCount} as worker,
      make_interval(secs => 60 + 3_000 * luck) as took
    from made),
  linked as materialized (
    select s.*, r.id as repository_id, r.url, w.id as worker_id, w.instance_id, u.id as user_id, uuidv7(at - clock_timestamp()) as order_id,
      uuidv7(at - clock_timestamp()) as execution_id, lag(s.id) over (order by n) as previous_id,
      n > $1 and (kin > 0.95 or status = 'blocked') as is_dependent,
      status in ('completed', 'failed', 'cancelled') as is_ended, status not in ('pending', 'blocked') as is_ordered,
      status in ('completed', 'failed', 'in_review', 'in_progress', 'waiting') as is_run
    from seeds s
    join (select id, url, row_number() over (order by name) as number from repositories) r on r.number = s.repository
    join (select id, instance_id, row_number() over (order by name) as number from workers) w on w.number = s.worker
    cross join (select id from users where username = 'local') u),
  inserted_tasks as (
    insert into tasks (id, title, description, task_type, permission_level, priority, status, repository_id, repository_url,
      issue_number, timeout_seconds, context, created_by, assigned_to, parent_task_id, attempt, runs, result, created_at, updated_at,
      started_at, completed_at, work_type, has_dependencies)
    select id, ${samplePhrases.map(oneOf).join(" || ' ' || ")} || ' #' || n,
      ${Array.from({ length: 4 }, () => oneOf(sentences)).join(" || ' ' || ")}
        || case when n % 20000 = 7 then ' Seen in zeppelin alone.' else '' end,
      type, case when kin > 0.7 then 'autonomous' else 'supervised' end, priority, status, repository_id, url,
      n, 3600, '{"issue": {"labels": ["triage"], "reporter": "somebody"}}', user_id,
      case when status = 'in_progress' then worker_id end, case when kin < 0.02 then previous_id end,
      case when is_run then 1 else 0 end, case when is_run then 1 else 0 end,
      case when status in ('completed', 'in_review') then ${quote(JSON.stringify(completedResult))}::jsonb || jsonb_build_object('executionId', execution_id) end,
      at, at + case when is_run then took else interval '1 second' end,
      case when is_run then at + interval '5 seconds' end, case when is_ended then at + took end,
      '{"type":"' || type || '"}', is_dependent
    from linked order by n
    returning id, to_tsvector('simple', translate(title || ' ' || description, '#./-', '    ')) as words),
  inserted_words as (
    insert into task_words (task_id, words) select id, words from inserted_tasks),
  inserted_orders as (
    insert into work_orders (id, task_id, kind, queue_name, work_type, status, attempt, max_retries, timeout_seconds, enqueued_at, ranked_at,
      available_at, claimed_at, lease_expires_at, completed_at, dead_lettered_at, worker_id, worker_instance_id)
    select order_id, id, 'run', ${laneCase}, '{"type":"' || type || '"}',
      case status when 'queued' then 'pending' when 'in_progress' then 'claimed' when 'waiting' then 'parked'
        when 'in_review' then 'completed' else status end,
      case when is_run then 1 else 0 end, 3, 3600, at, at, at, case when is_run then at + interval '5 seconds' end,
      case when status = 'in_progress' then now() + interval '1 day' end, case when is_ended then at + took end,
      case when status = 'failed' and kin < 0.1 then at + took end,
      case when status = 'in_progress' then worker_id end, case when status = 'in_progress' then instance_id end
    from linked where is_ordered order by n),
  inserted_executions as (
    insert into executions (id, task_id, work_order_id, worker_id, kind, attempt, status, verification, sandbox, agent, evidence, base_commit,
      commit, stdout_log, log_bytes, started_at, completed_at, duration_seconds)
    select execution_id, id, order_id, worker_id, 'run', 1,
      case status when 'in_progress' then 'running' when 'waiting' then 'parked' when 'failed' then 'failed' else 'succeeded' end,
      case status when 'in_progress' then null when 'waiting' then null when 'failed' then 'failed' else 'passed' end,
      'bubblewrap', 'builtin', ${quote(JSON.stringify(evidence))}::jsonb, repeat('a', 40), repeat('b', 40),
      repeat('ok ' || n || chr(10), 60), 12345, at + interval '5 seconds', case when status <> 'in_progress' then at + took end,
      extract(epoch from took)
    from linked where is_run order by n),
  inserted_dependencies as (
    insert into task_dependencies (task_id, depends_on_task_id, created_at)
    select id, previous_id, at from linked where is_dependent)
  insert into events (id, position, type, task_id, work_order_id, execution_id, worker_id, attempt, data, occurred_at)
  select uuidv7(at - clock_timestamp()), 3 * n - 3 + step, type, id, case when step > 1 then order_id end,
    case when step > 1 then execution_id end, case when step > 1 then worker_id end, case when step > 1 then 1 end,
    '{"reason": "as filled"}', at + case step when 1 then interval '0' when 2 then interval '5 seconds' else took end
  from (
    select l.n, l.id, order_id, execution_id, worker_id, at, took, e.step, e.type from linked l cross join lateral (values
      (1, 'task.created', true), (2, 'work_order.claimed', is_run),
      (3, 'task.' || case status when 'in_review' then 'submitted' else status end, is_ended or status = 'in_review')
    ) e (step, type, happened) where e.happened) facts
  order by n, step`;
