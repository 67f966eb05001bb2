import type { Task, TaskQuery, TaskUpdate } from "@agentvine/contracts";
import { liveTaskStatuses } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordEvent } from "../events/index.ts";
import { hasDependents, shareDependencies } from "./dependency.repository.ts";
import { deleteTask, listTasks, updateTask } from "./task.repository.ts";
import { cancelTask, queueTask, retryTask } from "./task-actions.service.ts";
import { recordTaskAudit } from "./task-audit.service.ts";
import {
  assertRunnable,
  type CreateTask,
  createTaskCreator,
  type TaskCreatorDeps,
} from "./task-create.service.ts";
import { findTask, lockTask, type TaskRow, toTask } from "./task-row.repository.ts";

/** @throws AppError `task.not_found` */
export async function mustFindTask(source: Db | Tx, taskId: string): Promise<Task> {
  const row = await findTask(source, taskId);
  if (row === undefined) {
    throw unknownTask(taskId);
  }
  return toTask(row);
}

/** Locks the task for this transaction. @throws AppError `task.not_found` */
export async function mustLockTask(tx: Tx, taskId: string): Promise<TaskRow> {
  const row = await lockTask(tx, taskId);
  if (row === undefined) {
    throw unknownTask(taskId);
  }
  return row;
}

const unknownTask = (taskId: string): AppError =>
  new AppError("task.not_found", `There is no task ${taskId}.`);

/** Tasks: making, reading, changing and deleting them. */
export function createTaskService(deps: TaskCreatorDeps) {
  const { db, dispatch, allowsUnrunnable } = deps;
  const createTask = createTaskCreator(deps);

  return {
    /**
     * Makes a task and queues it, or blocks it while something it depends on is unfinished. A task with this id is the work of an
     * earlier try of the same request: it is returned as it is now.
     * @throws AppError `task.no_worker`, `repository.*`, `request.invalid`
     */
    create: async ({ id: taskId, actor, body, correlationId }: CreateTask): Promise<Task> => {
      return await createTask({ id: taskId, actor, body, correlationId });
    },

    list: async (query: TaskQuery) => {
      const { rows, ...total } = await listTasks(db, query);
      return { items: rows.map(toTask), ...total };
    },

    /** @throws AppError `task.not_found` */
    get: (taskId: string): Promise<Task> => mustFindTask(db, taskId),

    /**
     * Changes a task. As `status` it takes `cancelled` and `queued`; every other move is refused.
     * @throws AppError `task.not_found`, `task.illegal_transition`
     */
    update: async (taskId: string, { status, ...change }: TaskUpdate): Promise<Task> => {
      return await inTransaction(db, async (tx) => {
        await shareDependencies(tx, [taskId]);
        const before = await mustLockTask(tx, taskId);
        if (Object.values(change).some((value) => value !== undefined)) {
          await updateTask(tx, taskId, change);
          const old: Record<string, unknown> = { ...before };
          const states = Object.fromEntries(Object.keys(change).map((name) => [name, old[name]]));
          await recordTaskAudit(tx, "task.updated", before, { before: states, after: change });
          await recordEvent(tx, {
            type: "task.updated",
            taskId,
            correlationId: before.correlationId,
            data: { fields: Object.keys(change) },
          });
        }
        const task = { ...before, priority: change.priority ?? before.priority };
        if (change.priority !== undefined && change.priority !== before.priority) {
          await dispatch.rerank(tx, task, change.priority);
        }
        if (status !== undefined && status !== before.status) {
          await moveByHand(tx, task, status);
        }
        return await mustFindTask(tx, taskId);
      });
    },

    /**
     * Deletes a task with its executions, logs and artifacts.
     * @throws AppError `task.not_found`, `task.live` (also while others wait for it)
     */
    delete: (taskId: string): Promise<void> =>
      inTransaction(db, async (tx) => {
        const task = await mustLockTask(tx, taskId);
        if (liveTaskStatuses.includes(task.status)) {
          throw new AppError("task.live", `The task is ${task.status}: cancel it first.`);
        }
        if (task.status !== "completed" && (await hasDependents(tx, taskId))) {
          throw new AppError(
            "task.live",
            "Other tasks wait for it: cancel them or remove their dependency first.",
          );
        }
        await recordEvent(tx, {
          type: "task.deleted",
          taskId,
          correlationId: task.correlationId,
          data: { title: task.title },
        });
        await recordTaskAudit(tx, "task.deleted", task);
        await deleteTask(tx, taskId);
      }),
  };

  async function moveByHand(tx: Tx, task: TaskRow, status: Task["status"]): Promise<void> {
    if (status === "cancelled") {
      await cancelTask(tx, dispatch, task, "");
      await recordTaskAudit(tx, "task.cancelled", task);
    } else if (status === "queued" && task.status === "pending") {
      if (!allowsUnrunnable) {
        await assertRunnable(tx, { ...task, type: task.taskType });
      }
      await queueTask(tx, dispatch, task);
      await recordTaskAudit(tx, "task.updated", task, { after: { status } });
    } else if (status === "queued" && task.status === "failed") {
      await retryTask(tx, dispatch, task);
      await recordTaskAudit(tx, "task.retried", task);
    } else {
      throw new AppError("task.illegal_transition", `A ${task.status} task can't be made ${status}.`, {
        data: { status: task.status },
      });
    }
  }
}

export type TaskService = ReturnType<typeof createTaskService>;
