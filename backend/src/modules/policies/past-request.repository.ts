import { and, desc, eq, lt } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { workerRequests } from "../../database/schema/index.ts";
import type { PastRequests } from "./past-requests.port.ts";

/** Reads past worker requests; their module writes them. */
export const createPastRequests = (db: Db): PastRequests => ({
  list: async ({ limit, repositoryId, before }) =>
    await db
      .select({
        id: workerRequests.id,
        taskId: workerRequests.taskId,
        raisedAt: workerRequests.raisedAt,
        status: workerRequests.status,
        ruleId: workerRequests.ruleId,
        policyVersion: workerRequests.policyVersion,
        facts: workerRequests.facts,
      })
      .from(workerRequests)
      .where(
        and(
          repositoryId === undefined ? undefined : eq(workerRequests.repositoryId, repositoryId),
          before === undefined ? undefined : lt(workerRequests.id, before),
        ),
      )
      // Ids rise with time.
      .orderBy(desc(workerRequests.id))
      .limit(limit),
});
