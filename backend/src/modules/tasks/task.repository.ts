import {
  liveTaskStatuses,
  type Priority,
  priorities,
  type TaskQuery,
  type TaskUpdate,
} from "@agentvine/contracts";
import { and, asc, desc, eq, inArray, notInArray, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { countUpTo, type Total } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { priorityRank, tasks, taskWords } from "../../database/schema/index.ts";
import { withWordsApart } from "../../database/words.ts";
import { storableJson } from "../../storable-json.ts";
import { type TaskRowWithDependencies, taskColumns } from "./task-row.repository.ts";
import { frequentFrom, searchTasks, type TaskSearch } from "./task-search.repository.ts";

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

/** Each filter of a list, apart from the search. */
function filtersOf(query: TaskQuery): SQL[] {
  return [
    query.status === undefined ? undefined : inArray(tasks.status, query.status),
    query.type === undefined ? undefined : inArray(tasks.taskType, query.type),
    query.priority === undefined ? undefined : inArray(byPriority, query.priority.map(rankOf)),
    query.repositoryId === undefined ? undefined : eq(tasks.repositoryId, query.repositoryId),
    query.parentTaskId === undefined ? undefined : eq(tasks.parentTaskId, query.parentTaskId),
    query.isLive === undefined ? undefined : isLive(query.isLive),
  ].filter((filter) => filter !== undefined);
}

const isLive = (expected: boolean): SQL =>
  expected ? inArray(tasks.status, [...liveTaskStatuses]) : notInArray(tasks.status, [...liveTaskStatuses]);

const byPriority = priorityRank(tasks.priority);
const rankOf = (priority: Priority): number => priorities.indexOf(priority) + 1;

/** As the indexes are ordered. The id settles equals, so that pages neither repeat nor skip. */
const sortColumns = {
  createdAt: [tasks.createdAt, tasks.id],
  updatedAt: [tasks.updatedAt, tasks.id],
  priority: [byPriority, tasks.createdAt, tasks.id],
  status: [tasks.status, tasks.createdAt, tasks.id],
  title: [tasks.title, tasks.id],
} as const satisfies Record<TaskQuery["sort"], readonly (PgColumn | SQL)[]>;

/** The statement of a page. What comes before a deep one is passed over inside an index: only the rows of the page are read. */
export function pageOfTasks(db: Db, query: TaskQuery, search?: TaskSearch) {
  const direction = query.order === "asc" ? asc : desc;
  const sorting = sortColumns[query.sort].map((column) => direction(column));
  const ids = db
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(...filtersOf(query), search?.ofPage))
    .orderBy(...sorting)
    .limit(query.pageSize)
    .offset((query.page - 1) * query.pageSize);
  return db
    .select(taskColumns)
    .from(tasks)
    .where(inArray(tasks.id, ids))
    .orderBy(...sorting);
}

/** A page of tasks and how many match. */
export async function listTasks(
  db: Db,
  query: TaskQuery,
): Promise<Total & { rows: TaskRowWithDependencies[] }> {
  const search = await searchTasks(db, query.search);
  const [rows, total] = await Promise.all([pageOfTasks(db, query, search), countTasks(db, query, search)]);
  return { rows, ...total };
}

/** Where no index holds what is asked for, tasks must be read to be counted, and fewer are. */
const readCountMax = 1_000;

async function countTasks(db: Db, query: TaskQuery, search: TaskSearch | undefined): Promise<Total> {
  const filters = filtersOf(query);
  const where = and(...filters, search?.ofCount);
  if (search?.isFrequent === true && filters.length === 0) {
    return { total: frequentFrom, isTotalExact: false };
  }
  const isRead = filters.length > 1 || query.priority !== undefined || search?.isFrequent === true;
  return await countUpTo(db, tasks, where, isRead ? readCountMax : undefined);
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
  const [row] = await tx
    .update(tasks)
    .set({ ...storableJson(fields), updatedAt: sql`now()` })
    .where(eq(tasks.id, taskId))
    .returning({ title: tasks.title, description: tasks.description });
  if (row !== undefined && (change.title !== undefined || change.description !== undefined)) {
    await tx
      .update(taskWords)
      .set({ words: sql`to_tsvector('simple', ${withWordsApart(`${row.title} ${row.description}`)})` })
      .where(eq(taskWords.taskId, taskId));
  }
}

/** Removes the task with its orders, executions, logs, artifacts and checkpoints. */
export async function deleteTask(tx: Tx, taskId: string): Promise<void> {
  await tx.delete(tasks).where(eq(tasks.id, taskId));
}
