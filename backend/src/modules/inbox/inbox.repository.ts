import type { Inbox, InboxKind, InboxQuery, InboxSort } from "@agentvine/contracts";
import { and, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import type { InboxPlace } from "./inbox-cursor.ts";

/** What of the inbox is looked at. */
export type InboxFilter = Pick<InboxQuery, "repositoryId" | "taskId" | "priority" | "isMine"> & {
  readonly userId: string;
};

/** One thing that waits, as it has its place in the list. */
export interface WaitingRow extends InboxPlace {
  readonly kind: InboxKind;
  readonly taskId: string;
}

// security: no-raw-sql-of-values because it names a column of a statement of ours
const inUs = (moment: string) => sql.raw(`(extract(epoch from ${moment}) * 1000000)::bigint`);
/** Later than any moment. */
const never = "999999999999999999";
const urgency = sql.raw("(4 - array_position('{low,normal,high,critical}'::text[], t.priority))");

function ofTask({ repositoryId, taskId, priority }: InboxFilter): SQL {
  const all = and(
    repositoryId === undefined ? undefined : sql`t.repository_id = ${repositoryId}`,
    taskId === undefined ? undefined : sql`t.id = ${taskId}`,
    priority === undefined ? undefined : sql`t.priority = any(${sql.param(priority)}::text[])`,
  );
  return all ?? sql`true`;
}

/** Reviews, proposed and blocked tasks are given to nobody, so they are everybody's. */
const ofPerson = ({ isMine, userId }: InboxFilter): { requests: SQL; others: SQL } => {
  if (isMine === undefined) return { requests: sql`true`, others: sql`true` };
  const mine = sql`(r.assigned_to is null or r.assigned_to = ${userId})`;
  return isMine ? { requests: mine, others: sql`true` } : { requests: sql`not ${mine}`, others: sql`false` };
};

/** Everything that waits for a person, without what is long in it. */
function waiting(filter: InboxFilter): SQL {
  const person = ofPerson(filter);
  const task = ofTask(filter);
  // A task is changed when it is submitted or blocked, and hardly ever while it waits.
  const whole = (
    kind: string,
  ) => sql`select ${kind}::text as kind, t.id, t.id as task_id, ${urgency} as urgency,
      ${never}::bigint as deadline_us, ${inUs(kind === "proposed_task" ? "t.created_at" : "t.updated_at")} as since_us
    from tasks t where ${task} and ${person.others}`;
  return sql`
    select case when r.kind = 'approval' and r.approval ->> 'subject' = 'plan' then 'plan' else r.kind end as kind, r.id, r.task_id,
      ${urgency} as urgency, coalesce(${inUs("r.deadline_at")}, ${never}::bigint) as deadline_us,
      ${inUs("coalesce(r.people_since, r.raised_at)")} as since_us
    from worker_requests r join tasks t on t.id = r.task_id
    where r.status = 'human' and ${task} and ${person.requests}
    union all ${whole("review")} and t.status = 'in_review'
    union all ${whole("proposed_task")} and t.status = 'pending' and t.created_by_execution_id is not null
    union all ${whole("blocked")} and t.status = 'blocked' and exists (select from task_dependencies d
      join tasks other on other.id = d.depends_on_task_id where d.task_id = t.id and other.status in ('failed', 'cancelled'))`;
}

const orders: Record<InboxSort, { by: SQL; behind: (place: InboxPlace) => SQL }> = {
  urgent: {
    by: sql`urgency, deadline_us, since_us, id`,
    behind: ({ urgency: rank, deadlineUs, sinceUs, id }) =>
      sql`(urgency, deadline_us, since_us, id) > (${rank}::int, ${deadlineUs}::bigint, ${sinceUs}::bigint, ${id}::uuid)`,
  },
  oldest: {
    by: sql`since_us, id`,
    behind: ({ sinceUs, id }) => sql`(since_us, id) > (${sinceUs}::bigint, ${id}::uuid)`,
  },
  newest: {
    by: sql`since_us desc, id desc`,
    behind: ({ sinceUs, id }) => sql`(since_us, id) < (${sinceUs}::bigint, ${id}::uuid)`,
  },
};

/** Those behind a place, in their order. */
export async function listWaiting(
  db: Db,
  filter: InboxFilter,
  {
    kind,
    sort,
    after,
    limit,
  }: Pick<InboxQuery, "kind" | "sort" | "limit"> & { after: InboxPlace | undefined },
): Promise<WaitingRow[]> {
  const where = and(
    kind === undefined ? undefined : sql`kind = any(${sql.param(kind)}::text[])`,
    after === undefined ? undefined : orders[sort].behind(after),
  );
  const { rows } = await db.execute<{
    kind: InboxKind;
    id: string;
    task_id: string;
    urgency: number;
    deadline_us: string;
    since_us: string;
  }>(sql`
    select kind, id, task_id, urgency::int as urgency, deadline_us::text, since_us::text from (${waiting(filter)}) waiting
    where ${where ?? sql`true`} order by ${orders[sort].by} limit ${limit}`);
  return rows.map((row) => ({
    kind: row.kind,
    id: row.id,
    taskId: row.task_id,
    urgency: row.urgency,
    deadlineUs: row.deadline_us,
    sinceUs: row.since_us,
  }));
}

export async function countWaiting(
  db: Db,
  filter: InboxFilter,
): Promise<{ kind: InboxKind; count: number }[]> {
  const { rows } = await db.execute<{ kind: InboxKind; count: number }>(
    sql`select kind, count(*)::int as count from (${waiting(filter)}) waiting group by kind`,
  );
  return rows;
}

/** Proposals that belong to no task. */
export async function countProposals(db: Db): Promise<Inbox["beside"]> {
  const { rows } = await db.execute<{ documents: number; rules: number }>(sql`
    select (select count(*)::int from context_documents where status = 'proposed') as documents,
      (select count(*)::int from rule_proposals where status = 'open') as rules`);
  return { proposedDocuments: rows[0]?.documents ?? 0, proposedRules: rows[0]?.rules ?? 0 };
}
