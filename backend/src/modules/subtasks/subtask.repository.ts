import type { TaskType } from "@agentvine/contracts";
import { and, eq, isNotNull, sql } from "drizzle-orm";
import type { Tx } from "../../database/client.ts";
import { tasks } from "../../database/schema/index.ts";
import type { TaskRow } from "../tasks/index.ts";

const proposedBelow = (parentTaskId: string) =>
  and(eq(tasks.parentTaskId, parentTaskId), isNotNull(tasks.createdByExecutionId));

/** What agents proposed below the task under this title (whatever its case and blanks) and type; undefined when nothing. */
export async function findProposed(
  tx: Tx,
  parentTaskId: string,
  { title, type }: { title: string; type: TaskType },
): Promise<TaskRow | undefined> {
  const spelling = (text: unknown) => sql`regexp_replace(lower(btrim(${text})), '\\s+', ' ', 'g')`;
  const [row] = await tx
    .select()
    .from(tasks)
    .where(
      and(
        proposedBelow(parentTaskId),
        eq(tasks.taskType, type),
        sql`${spelling(tasks.title)} = ${spelling(sql`${title}::text`)}`,
      ),
    )
    .orderBy(tasks.createdAt, tasks.id)
    .limit(1);
  return row;
}

/** How many tasks agents proposed below the task, and how many of them one execution. */
export async function countProposed(
  tx: Tx,
  parentTaskId: string,
  executionId: string,
): Promise<{ ofTask: number; ofExecution: number }> {
  const [row] = await tx
    .select({
      ofTask: sql<number>`count(*)::int`,
      ofExecution: sql<number>`count(*) filter (where ${tasks.createdByExecutionId} = ${executionId})::int`,
    })
    .from(tasks)
    .where(proposedBelow(parentTaskId));
  return row ?? { ofTask: 0, ofExecution: 0 };
}
