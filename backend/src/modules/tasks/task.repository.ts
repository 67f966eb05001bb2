import { liveTaskStatuses, priorities, type TaskQuery, type TaskUpdate } from "@agentvine/contracts";
import { and, asc, desc, eq, ilike, inArray, notInArray, or, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { tasks } from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { escapeLike } from "./task.ts";
import { type TaskRowWithDependencies, taskColumns } from "./task-row.repository.ts";

/** Which of the ids are tasks. */
export async function existingTasks(tx: Tx, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) {
    return new Set();
  }
  const rows = await tx
    .select({ id: tasks.id })
    .from(tasks)
    .where(inArray(tasks.id, [...ids]));
  return new Set(rows.map((row) => row.id));
}

function conditionsOf(query: TaskQuery): SQL | undefined {
  const pattern = query.search === undefined ? "" : `%${escapeLike(storableText(query.search))}%`;
  return and(
    query.status === undefined ? undefined : inArray(tasks.status, query.status),
    query.type === undefined ? undefined : inArray(tasks.taskType, query.type),
    query.priority === undefined ? undefined : inArray(tasks.priority, query.priority),
    query.repositoryId === undefined ? undefined : eq(tasks.repositoryId, query.repositoryId),
    query.parentTaskId === undefined ? undefined : eq(tasks.parentTaskId, query.parentTaskId),
    query.isLive === undefined ? undefined : isLive(query.isLive),
    pattern === "" ? undefined : or(ilike(tasks.title, pattern), ilike(tasks.description, pattern)),
  );
}

const isLive = (expected: boolean): SQL =>
  expected ? inArray(tasks.status, [...liveTaskStatuses]) : notInArray(tasks.status, [...liveTaskStatuses]);

const priorityRank = sql`array_position(array[${sql.join(
  priorities.map((priority) => sql`${priority}`),
  sql`, `,
)}]::text[], ${tasks.priority})`;

const sortColumns = {
  createdAt: tasks.createdAt,
  updatedAt: tasks.updatedAt,
  priority: priorityRank,
  status: tasks.status,
  title: tasks.title,
} as const;

/** A page of tasks and how many match. */
export async function listTasks(
  db: Db,
  query: TaskQuery,
): Promise<{ rows: TaskRowWithDependencies[]; total: number }> {
  const where = conditionsOf(query);
  const direction = query.order === "asc" ? asc : desc;
  const rows = await db
    .select(taskColumns)
    .from(tasks)
    .where(where)
    // The id settles equals, so that pages neither repeat nor skip.
    .orderBy(direction(sortColumns[query.sort]), direction(tasks.id))
    .limit(query.pageSize)
    .offset((query.page - 1) * query.pageSize);
  return { rows, total: await db.$count(tasks, where) };
}

/** Changes what a person may change, without the status. */
export async function updateTask(tx: Tx, taskId: string, change: Omit<TaskUpdate, "status">): Promise<void> {
  const fields = Object.fromEntries(
    Object.entries({
      title: change.title,
      description: change.description,
      priority: change.priority,
      permissionLevel: change.permissionLevel,
      branchName: change.branchName,
      context: change.context,
      metadata: change.metadata,
    }).filter(([, value]) => value !== undefined),
  );
  await tx
    .update(tasks)
    .set({ ...storableJson(fields), updatedAt: sql`now()` })
    .where(eq(tasks.id, taskId));
}

/** Removes the task with its orders, executions, logs, artifacts and checkpoints. */
export async function deleteTask(tx: Tx, taskId: string): Promise<void> {
  await tx.delete(tasks).where(eq(tasks.id, taskId));
}
