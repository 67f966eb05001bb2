import type { Task, TaskCreate, TaskQuery, TaskUpdate } from "@agentvine/contracts";
import { liveTaskStatuses } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordEvent } from "../events/index.ts";
import { explainNoWorker, listAble, type Requirement } from "../workers/index.ts";
import { hasDependents, insertDependencies, shareDependencies } from "./dependency.repository.ts";
import type { DispatchPort } from "./dispatch.port.ts";
import { deleteTask, existingTasks, insertTask, listTasks, updateTask } from "./task.repository.ts";
import { cancelTask, queueTask, retryTask } from "./task-actions.service.ts";
import { findTask, lockTask, type TaskRow, toTask } from "./task-row.repository.ts";

/** The part of the repositories that tasks need. */
export interface TaskRepositories {
  ensure(tx: Tx, url: string): Promise<{ id: string; url: string }>;
  get(id: string, db?: Db | Tx): Promise<{ id: string; url: string }>;
}

export interface TaskServiceDeps {
  db: Db;
  dispatch: DispatchPort;
  repositories: TaskRepositories;
  /** True: tasks that no worker could run now are queued all the same. */
  allowsUnrunnable: boolean;
}

export interface CreateTask {
  /** The same for every try of one request. */
  id: string;
  actor: Actor;
  body: TaskCreate;
  correlationId: string;
}

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

function assertSupported(permissionLevel: TaskUpdate["permissionLevel"]): void {
  if (permissionLevel === "human_required") {
    throw new AppError(
      "task.permission_level_unsupported",
      "human_required tasks need a person for every decision, which is not available yet: use supervised or autonomous.",
    );
  }
}

async function assertKnown(tx: Tx, path: string, ids: readonly string[]): Promise<void> {
  const known = await existingTasks(tx, ids);
  const missing = ids.find((id) => !known.has(id));
  if (missing !== undefined) {
    const message = `there is no task ${missing}`;
    throw new AppError("request.invalid", `${path}: ${message}`, { issues: [{ path, message }] });
  }
}

/** Tasks: making, reading, changing and deleting them. */
export function createTaskService({ db, dispatch, repositories, allowsUnrunnable }: TaskServiceDeps) {
  /** @throws AppError `task.no_worker` with the remedy */
  const assertRunnable = async (source: Db | Tx, need: Requirement): Promise<void> => {
    if (allowsUnrunnable) {
      return;
    }
    const reason = explainNoWorker(need, await listAble(source));
    if (reason !== undefined) {
      throw new AppError("task.no_worker", reason);
    }
  };

  return {
    /**
     * Makes a task and queues it, or blocks it while something it depends on is unfinished. A task with this id is the work of an
     * earlier try of the same request: it is returned as it is now.
     * @throws AppError `task.permission_level_unsupported`, `task.no_worker`, `repository.*`, `request.invalid`
     */
    create: async ({ id: taskId, actor, body, correlationId }: CreateTask): Promise<Task> => {
      assertSupported(body.permissionLevel);
      if (body.enqueue) {
        await assertRunnable(db, body);
      }
      return await inTransaction(db, async (tx) => {
        const { repositoryUrl: url, repositoryId: id } = body;
        const repository =
          url === undefined ? await repositories.get(id ?? "", tx) : await repositories.ensure(tx, url);
        const dependsOn = [...new Set(body.dependsOn)];
        await assertKnown(tx, "dependsOn", dependsOn);
        await assertKnown(tx, "parentTaskId", body.parentTaskId === undefined ? [] : [body.parentTaskId]);
        await shareDependencies(tx, [], dependsOn);
        const createdBy = actor.userId;
        const task = await insertTask(tx, { id: taskId, body, repository, createdBy, correlationId });
        if (task === undefined) {
          return await mustFindTask(tx, taskId);
        }
        await recordEvent(tx, {
          type: "task.created",
          taskId: task.id,
          correlationId,
          data: { status: task.status, title: task.title, type: task.taskType, priority: task.priority },
        });
        await insertDependencies(tx, task.id, dependsOn);
        if (body.enqueue) {
          await queueTask(tx, dispatch, task);
        }
        return await mustFindTask(tx, task.id);
      });
    },

    list: async (query: TaskQuery) => {
      const { rows, total } = await listTasks(db, query);
      const { page, pageSize } = query;
      return { items: rows.map(toTask), total, page, pageSize, pages: Math.ceil(total / pageSize) };
    },

    /** @throws AppError `task.not_found` */
    get: (taskId: string): Promise<Task> => mustFindTask(db, taskId),

    /**
     * Changes a task. As `status` it takes `cancelled` and `queued`; every other move is refused.
     * @throws AppError `task.not_found`, `task.illegal_transition`, `task.permission_level_unsupported`
     */
    update: async (taskId: string, { status, ...change }: TaskUpdate): Promise<Task> => {
      assertSupported(change.permissionLevel);
      return await inTransaction(db, async (tx) => {
        await shareDependencies(tx, [taskId]);
        const before = await mustLockTask(tx, taskId);
        if (Object.values(change).some((value) => value !== undefined)) {
          await updateTask(tx, taskId, change);
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
        await deleteTask(tx, taskId);
      }),
  };

  async function moveByHand(tx: Tx, task: TaskRow, status: Task["status"]): Promise<void> {
    if (status === "cancelled") {
      await cancelTask(tx, dispatch, task, "");
    } else if (status === "queued" && task.status === "pending") {
      await assertRunnable(tx, { ...task, type: task.taskType });
      await queueTask(tx, dispatch, task);
    } else if (status === "queued" && task.status === "failed") {
      await retryTask(tx, dispatch, task);
    } else {
      throw new AppError("task.illegal_transition", `A ${task.status} task can't be made ${status}.`, {
        data: { status: task.status },
      });
    }
  }
}

export type TaskService = ReturnType<typeof createTaskService>;
