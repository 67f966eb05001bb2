import { and, eq, isNull } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { executions } from "../../database/schema/index.ts";

/** Keeps with an execution from which attempt's checkpoint it goes on. */
export async function recordResumption(
  db: Db,
  executionId: string,
  checkpointAttempt: number,
): Promise<void> {
  await db
    .update(executions)
    .set({ resumedFromAttempt: checkpointAttempt })
    .where(and(eq(executions.id, executionId), isNull(executions.resumedFromAttempt)));
}
