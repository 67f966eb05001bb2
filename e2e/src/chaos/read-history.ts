import { git } from "@agentvine/testkit";
import pg from "pg";
import type { History, PushedBranch, ToldCounters } from "./history.ts";
import { readJournals } from "./journal.ts";

export interface HistorySources {
  readonly databaseUrl: string;
  readonly journalDirectory: string;
  /** Bare repositories that results were pushed to. */
  readonly repositories: readonly string[];
  readonly told: ToldCounters;
}

const queries = {
  events: `select id, position::int, type, task_id as "taskId", work_order_id as "workOrderId", worker_id as "workerId", attempt, data
    from events order by position nulls last, xid, id`,
  tasks: `select t.id, t.metadata->>'chaos' as key, t.status, t.status_reason as "statusReason", t.attempt, t.runs,
      t.result->>'branch' as branch, t.result->>'commit' as commit,
      array(select d.depends_on_task_id::text from task_dependencies d where d.task_id = t.id) as "dependsOn"
    from tasks t order by t.id`,
  orders: `select id, task_id as "taskId", kind, status, retry_count as "retryCount", lost_leases as "lostLeases"
    from work_orders order by id`,
  executions: `select task_id as "taskId", work_order_id as "workOrderId", attempt, kind, status from executions order by id`,
  requests: `select id, task_id as "taskId", kind, status, fingerprint, approval ->> 'command' as command, decision,
      answer_source as "answerSource", answer_text as "answerText", spent_by_attempt as "spentByAttempt"
    from worker_requests order by raised_at, id`,
  workers: `select w.id, w.name, w.active_count as "activeCount",
      (select count(*)::int from work_orders o where o.worker_id = w.id and o.status = 'claimed') as held
    from workers w order by w.name`,
} as const;

async function readBranches(repository: string): Promise<PushedBranch[]> {
  const text = await git(
    repository,
    "for-each-ref",
    "--format=%(refname:short) %(objectname)",
    "refs/heads/agentvine/",
  );
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", commit = ""] = line.split(" ");
      return { repository, name, commit };
    });
}

/** Reads everything the checker judges. The database must be quiet. */
export async function readHistory(sources: HistorySources): Promise<History> {
  const client = new pg.Client(sources.databaseUrl);
  await client.connect();
  const read = async <Name extends keyof typeof queries>(name: Name): Promise<History[Name]> =>
    (await client.query(queries[name])).rows as unknown as History[Name];
  try {
    return {
      events: await read("events"),
      tasks: await read("tasks"),
      orders: await read("orders"),
      executions: await read("executions"),
      requests: await read("requests"),
      workers: await read("workers"),
      branches: (await Promise.all(sources.repositories.map(readBranches))).flat(),
      journal: await readJournals(sources.journalDirectory),
      told: sources.told,
    };
  } finally {
    await client.end();
  }
}
