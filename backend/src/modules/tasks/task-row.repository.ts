import type { Task } from "@agentvine/contracts";
import { eq, getTableColumns, inArray, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { shapeOf } from "../../database/row-shape.ts";
import { tasks } from "../../database/schema/index.ts";

export type TaskRow = typeof tasks.$inferSelect;
export type TaskRowWithDependencies = TaskRow & { dependsOn: string[] };

/** How prepared statements read tasks. */
export const taskShape = shapeOf(tasks);

/** Every column, and the ids the task waits for. */
export const taskColumns = {
  ...getTableColumns(tasks),
  dependsOn: sql<string[]>`array(
    select d.depends_on_task_id::text from task_dependencies d where d.task_id = ${tasks.id} order by d.created_at, 1)`,
};

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null;

/** The row as the API shows it. */
export const toTask = (row: TaskRowWithDependencies): Task => ({
  id: row.id,
  title: row.title,
  description: row.description,
  type: row.taskType,
  permissionLevel: row.permissionLevel,
  priority: row.priority,
  status: row.status,
  statusReason: row.statusReason,
  repositoryId: row.repositoryId,
  repositoryUrl: row.repositoryUrl,
  branchName: row.branchName,
  issueNumber: row.issueNumber,
  prNumber: row.prNumber,
  agent: row.agent,
  limits: row.limits,
  requiredLabels: row.requiredLabels,
  timeoutSeconds: row.timeoutSeconds,
  context: row.context,
  metadata: row.metadata,
  createdBy: row.createdBy,
  assignedTo: row.assignedTo,
  parentTaskId: row.parentTaskId,
  createdByExecutionId: row.createdByExecutionId,
  dependsOn: row.dependsOn,
  attempt: row.attempt,
  runs: row.runs,
  result: row.result,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  startedAt: iso(row.startedAt),
  completedAt: iso(row.completedAt),
});

const selectOne = async (db: Db | Tx, where: SQL): Promise<TaskRowWithDependencies | undefined> => {
  const [row] = await db.select(taskColumns).from(tasks).where(where);
  return row;
};

export const findTask = (db: Db | Tx, taskId: string) => selectOne(db, eq(tasks.id, taskId));

const lockTaskStatement: Statement = {
  name: "lock-task",
  text: `select ${taskShape.columns("t")} from tasks t where t.id = $1 for no key update`,
};

/**
 * Reads the task and keeps others from changing it until the transaction ends. Transactions lock in the sequence task,
 * order, worker; of several tasks, what is waited for comes first.
 */
export async function lockTask(tx: Tx, taskId: string): Promise<TaskRow | undefined> {
  const [row] = await runPrepared(tx, lockTaskStatement, [taskId]);
  return row && taskShape.read(row);
}

/** Locks several tasks, in the order of their ids. */
export async function lockTasks(tx: Tx, taskIds: readonly string[]): Promise<TaskRow[]> {
  return await tx
    .select()
    .from(tasks)
    .where(inArray(tasks.id, [...taskIds]))
    .orderBy(tasks.id)
    .for("no key update");
}
