import type { TaskDependency, TaskStatus } from "@agentvine/contracts";
import { and, eq, inArray, notInArray, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Db, Tx } from "../../database/client.ts";
import { lockKey } from "../../database/key-lock.ts";
import { taskDependencies, tasks } from "../../database/schema/index.ts";
import { blockedReason } from "./task.ts";
import { annotateTask } from "./task-move.repository.ts";
import { lockTasks, type TaskRow } from "./task-row.repository.ts";

/** A task that another one waits for, as far as that matters. */
export interface DependencyRow {
  taskId: string;
  id: string;
  title: string;
  status: TaskStatus;
  repositoryId: string;
  branch: string | null;
  completedAt: Date | null;
}

/** What the tasks wait for, as it stands now. */
export async function dependenciesOf(tx: Tx, taskIds: readonly string[]): Promise<DependencyRow[]> {
  const upstream = alias(tasks, "upstream");
  const rows = await tx
    .select({
      taskId: taskDependencies.taskId,
      id: upstream.id,
      title: upstream.title,
      status: upstream.status,
      repositoryId: upstream.repositoryId,
      result: upstream.result,
      completedAt: upstream.completedAt,
    })
    .from(taskDependencies)
    .innerJoin(upstream, eq(upstream.id, taskDependencies.dependsOnTaskId))
    .where(inArray(taskDependencies.taskId, [...taskIds]))
    .orderBy(upstream.id);
  return rows.map(({ result, ...row }) => ({ ...row, branch: result?.branch ?? null }));
}

/**
 * Keeps what the tasks wait for from ending until the transaction does. Whoever blocks a task, or gives it something to wait
 * for, does this first, and locks the task itself afterwards: an end is then either seen, or it sees the blocked task.
 */
export async function shareDependencies(
  tx: Tx,
  taskIds: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  const waitedFor = tx
    .select({ id: taskDependencies.dependsOnTaskId })
    .from(taskDependencies)
    .where(inArray(taskDependencies.taskId, [...taskIds]));
  await tx
    .select({ id: tasks.id })
    .from(tasks)
    .where(
      and(
        or(inArray(tasks.id, waitedFor), inArray(tasks.id, [...more])),
        // Locked anyway, and alone: two that shared one of these first could never both go on.
        notInArray(tasks.id, [...taskIds]),
      ),
    )
    .orderBy(tasks.id)
    .for("share");
}

/** The branch a task starts from while what it waited for is not merged: of its repository, the one that ended last. */
export function baseBranchOf(task: TaskRow, dependencies: readonly DependencyRow[]): string | null {
  const candidates = dependencies
    .filter((one) => one.taskId === task.id && one.repositoryId === task.repositoryId && one.branch !== null)
    .sort((a, b) => (a.completedAt?.getTime() ?? 0) - (b.completedAt?.getTime() ?? 0));
  return candidates.at(-1)?.branch ?? null;
}

/** Edges are added one at a time, so that two of them can't close a circle together. */
export async function lockDependencyGraph(tx: Tx): Promise<void> {
  await lockKey(tx, "dependencies", "agentvine.task_dependencies");
}

/** True when `fromTaskId` waits, directly or through others, for `taskId`. Call under the lock of the graph. */
export async function waitsFor(tx: Tx, fromTaskId: string, taskId: string): Promise<boolean> {
  const found = await tx.execute(sql`
    with recursive upstream(id) as (
      select ${fromTaskId}::uuid
      union
      select d.depends_on_task_id from ${taskDependencies} d join upstream on d.task_id = upstream.id
    )
    select 1 from upstream where id = ${taskId}::uuid`);
  return found.rows.length > 0;
}

/** Adds edges; those that are there already stay. The task must be locked, or made in this transaction. */
export async function insertDependencies(
  tx: Tx,
  taskId: string,
  dependsOn: readonly string[],
): Promise<void> {
  if (dependsOn.length > 0) {
    await tx
      .insert(taskDependencies)
      .values(dependsOn.map((dependsOnTaskId) => ({ taskId, dependsOnTaskId })))
      .onConflictDoNothing();
    await tx
      .update(tasks)
      .set({ hasDependencies: true })
      .where(and(eq(tasks.id, taskId), eq(tasks.hasDependencies, false)));
  }
}

/** False when there was no such edge. */
export async function deleteDependency(tx: Tx, taskId: string, dependsOnTaskId: string): Promise<boolean> {
  const rows = await tx
    .delete(taskDependencies)
    .where(and(eq(taskDependencies.taskId, taskId), eq(taskDependencies.dependsOnTaskId, dependsOnTaskId)))
    .returning({ taskId: taskDependencies.taskId });
  return rows.length > 0;
}

/** What the task waits for, as the API shows it. */
export async function listDependencies(db: Db, taskId: string): Promise<TaskDependency[]> {
  const rows = await db
    .select({
      taskId: taskDependencies.taskId,
      dependsOnTaskId: taskDependencies.dependsOnTaskId,
      dependsOnStatus: tasks.status,
      createdAt: taskDependencies.createdAt,
    })
    .from(taskDependencies)
    .innerJoin(tasks, eq(tasks.id, taskDependencies.dependsOnTaskId))
    .where(eq(taskDependencies.taskId, taskId))
    .orderBy(taskDependencies.createdAt, taskDependencies.dependsOnTaskId);
  return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
}

/** Blocked tasks that wait for this one. */
export async function blockedDependents(tx: Tx, taskId: string): Promise<string[]> {
  const rows = await tx
    .select({ id: tasks.id })
    .from(taskDependencies)
    .innerJoin(tasks, eq(tasks.id, taskDependencies.taskId))
    .where(and(eq(taskDependencies.dependsOnTaskId, taskId), eq(tasks.status, "blocked")));
  return rows.map((row) => row.id);
}

/** A blocked task whose dependencies are all completed now. */
export interface ReadyTask {
  task: TaskRow;
  baseBranch: string | null;
}

/**
 * Looks at blocked tasks again: says why those that stay blocked do, and returns those that may start. Locks them before it
 * looks at what they wait for, so that of two dependencies that end together the later one sees both.
 */
export async function judgeBlocked(tx: Tx, taskIds: readonly string[]): Promise<ReadyTask[]> {
  if (taskIds.length === 0) {
    return [];
  }
  const blocked = (await lockTasks(tx, taskIds)).filter((task) => task.status === "blocked");
  const dependencies = await dependenciesOf(tx, taskIds);
  const ready: ReadyTask[] = [];
  for (const task of blocked) {
    const reason = blockedReason(dependencies.filter((one) => one.taskId === task.id));
    if (reason === undefined) {
      ready.push({ task, baseBranch: baseBranchOf(task, dependencies) });
    } else if (reason !== task.statusReason) {
      await annotateTask(tx, task.id, { reason });
    }
  }
  return ready;
}

/** True while another task names this one as something it waits for and has not ended. */
export async function hasDependents(tx: Tx, taskId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: tasks.id })
    .from(taskDependencies)
    .innerJoin(tasks, eq(tasks.id, taskDependencies.taskId))
    .where(and(eq(taskDependencies.dependsOnTaskId, taskId), inArray(tasks.status, ["pending", "blocked"])))
    .limit(1);
  return rows.length > 0;
}
