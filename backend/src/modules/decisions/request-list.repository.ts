import type { WorkerRequest, WorkerRequestQuery } from "@agentvine/contracts";
import { and, asc, desc, eq, ilike, inArray, ne, not, or, type SQL, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db } from "../../database/client.ts";
import { priorityRank, tasks, workerRequests } from "../../database/schema/index.ts";
import { escapeLike } from "../../database/words.ts";
import { isLiveRow, readRequests } from "./request-row.repository.ts";

/** The others that are open and ask the same. */
const alikeCondition = (id: string): SQL | undefined =>
  and(
    isLiveRow,
    ne(workerRequests.id, id),
    ne(workerRequests.alikeGroup, ""),
    sql`${workerRequests.alikeGroup} = (select alike_group from worker_requests asked where asked.id = ${id})`,
  );

const mineCondition = (isMine: boolean, userId: string): SQL => {
  const mine = sql`(${workerRequests.assignedTo} is null or ${workerRequests.assignedTo} = ${userId})`;
  return isMine ? mine : not(mine);
};

function conditionOf(query: WorkerRequestQuery, userId: string): SQL | undefined {
  const { status, kind, isLive, isOverdue, taskId, repositoryId, assignedTo, isMine, alikeTo, search } =
    query;
  const person = assignedTo === "me" ? userId : assignedTo;
  const words = search === undefined || search.trim() === "" ? undefined : `%${escapeLike(search.trim())}%`;
  return and(
    status === undefined ? undefined : inArray(workerRequests.status, status),
    kind === undefined ? undefined : inArray(workerRequests.kind, kind),
    isLive === undefined ? undefined : isLive ? isLiveRow : not(isLiveRow),
    isOverdue === true ? sql`${isLiveRow} and ${workerRequests.deadlineAt} < now()` : undefined,
    taskId === undefined ? undefined : eq(workerRequests.taskId, taskId),
    repositoryId === undefined ? undefined : eq(workerRequests.repositoryId, repositoryId),
    person === undefined ? undefined : sql`${workerRequests.assignedTo}::text = ${person}`,
    isMine === undefined ? undefined : mineCondition(isMine, userId),
    alikeTo === undefined ? undefined : alikeCondition(alikeTo),
    words === undefined
      ? undefined
      : or(
          ilike(workerRequests.question, words),
          sql`${workerRequests.approval} ->> 'command' ilike ${words}`,
          inArray(workerRequests.taskId, sql`(select id from tasks where title ilike ${words})`),
        ),
  );
}

/** A page of requests. */
export async function listRequests(
  db: Db,
  query: WorkerRequestQuery,
  userId: string,
): Promise<Page<WorkerRequest>> {
  const where = conditionOf(query, userId);
  const inOrder = query.order === "asc" ? asc : desc;
  const column =
    query.sort === "priority"
      ? priorityRank(tasks.priority)
      : query.sort === "deadlineAt"
        ? workerRequests.deadlineAt
        : workerRequests.raisedAt;
  const base = db.select({ id: workerRequests.id }).from(workerRequests).$dynamic();
  const joined =
    query.sort === "priority" ? base.innerJoin(tasks, eq(tasks.id, workerRequests.taskId)) : base;
  const [ids, total] = await Promise.all([
    joined
      .where(where)
      .orderBy(inOrder(column), inOrder(workerRequests.raisedAt), inOrder(workerRequests.id))
      .limit(query.pageSize)
      .offset((query.page - 1) * query.pageSize),
    countUpTo(db, workerRequests, where),
  ]);
  return {
    items: await readRequests(
      db,
      ids.map(({ id }) => id),
    ),
    ...total,
  };
}

/** Whether one answer fits all of them: one group, or a single request. Ids of nothing count for nothing. */
export async function areAlike(db: Db, ids: readonly string[]): Promise<boolean> {
  const found = await db
    .select({ group: workerRequests.alikeGroup })
    .from(workerRequests)
    .where(inArray(workerRequests.id, [...ids]));
  const [first] = found;
  if (found.length <= 1) return true;
  return first?.group !== "" && found.every(({ group }) => group === first?.group);
}
