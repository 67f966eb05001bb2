import type { InboxItem } from "@agentvine/contracts";
import { inArray, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { tasks } from "../../database/schema/index.ts";

/** What of a task is told with what waits for it. */
export type InboxTask = Pick<
  InboxItem,
  "taskId" | "taskTitle" | "taskType" | "taskPriority" | "repositoryId" | "repositoryUrl"
>;

export interface FoundTask {
  readonly task: InboxTask;
  /** Why it is blocked. */
  readonly statusReason: string;
}

/** The tasks of these ids, and the time by the database's clock. */
export async function findTasks(
  db: Db,
  ids: readonly string[],
): Promise<{ tasks: Map<string, FoundTask>; nowMs: number }> {
  const rows = await db
    .select({
      task: {
        taskId: tasks.id,
        taskTitle: tasks.title,
        taskType: tasks.taskType,
        taskPriority: tasks.priority,
        repositoryId: tasks.repositoryId,
        repositoryUrl: tasks.repositoryUrl,
      },
      statusReason: tasks.statusReason,
      nowMs: sql<number>`(extract(epoch from now()) * 1000)::float8`,
    })
    .from(tasks)
    .where(inArray(tasks.id, [...ids]));
  return {
    tasks: new Map(rows.map(({ task, statusReason }) => [task.taskId, { task, statusReason }])),
    nowMs: rows[0]?.nowMs ?? 0,
  };
}
