import type { Task, TaskDependency } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordEvent } from "../events/index.ts";
import {
  deleteDependency,
  dependenciesOf,
  insertDependencies,
  listDependencies,
  lockDependencyGraph,
  shareDependencies,
  waitsFor,
} from "./dependency.repository.ts";
import type { DispatchPort } from "./dispatch.port.ts";
import { mustFindTask, mustLockTask } from "./task.service.ts";
import { blockedReason } from "./task.ts";
import { recordTaskAudit } from "./task-audit.service.ts";
import { annotateTask } from "./task-move.repository.ts";

/** Which task waits for which. */
export function createDependencyService({ db, dispatch }: { db: Db; dispatch: DispatchPort }) {
  return {
    /** What the task waits for. @throws AppError `task.not_found` */
    list: async (taskId: string): Promise<{ items: TaskDependency[] }> => {
      await mustFindTask(db, taskId);
      return { items: await listDependencies(db, taskId) };
    },

    /**
     * Lets a task that has not been queued wait for another.
     * @throws AppError `task.not_found`, `task.dependency_cycle`, `task.illegal_transition`
     */
    add: (taskId: string, dependsOnTaskId: string): Promise<Task> =>
      inTransaction(db, async (tx) => {
        await lockDependencyGraph(tx);
        await mustFindTask(tx, dependsOnTaskId);
        if (await waitsFor(tx, dependsOnTaskId, taskId)) {
          throw new AppError(
            "task.dependency_cycle",
            "That task waits for this one already, directly or through others.",
          );
        }
        await shareDependencies(tx, [taskId], [dependsOnTaskId]);
        const task = await mustLockTask(tx, taskId);
        if (task.status !== "pending" && task.status !== "blocked") {
          throw new AppError(
            "task.illegal_transition",
            `The task is ${task.status}: it waits for nothing any more.`,
            {
              data: { status: task.status },
            },
          );
        }
        await insertDependencies(tx, taskId, [dependsOnTaskId]);
        if (task.status === "blocked") {
          await annotateTask(tx, taskId, { reason: blockedReason(await dependenciesOf(tx, [taskId])) ?? "" });
        }
        await recordEvent(tx, {
          type: "task.updated",
          taskId,
          correlationId: task.correlationId,
          data: { fields: ["dependsOn"] },
        });
        await recordTaskAudit(tx, "task.dependency_added", task, { detail: { dependsOnTaskId } });
        return await mustFindTask(tx, taskId);
      }),

    /** Stops waiting; a task that waits for nothing else starts. @throws AppError `task.not_found` */
    remove: (taskId: string, dependsOnTaskId: string): Promise<void> =>
      inTransaction(db, async (tx) => {
        const task = await mustLockTask(tx, taskId);
        if (!(await deleteDependency(tx, taskId, dependsOnTaskId))) {
          throw new AppError("task.not_found", `The task does not wait for ${dependsOnTaskId}.`);
        }
        await recordEvent(tx, {
          type: "task.updated",
          taskId,
          correlationId: task.correlationId,
          data: { fields: ["dependsOn"] },
        });
        await recordTaskAudit(tx, "task.dependency_removed", task, { detail: { dependsOnTaskId } });
        await dispatch.startReady(tx, [taskId]);
      }),
  };
}

export type DependencyService = ReturnType<typeof createDependencyService>;
