import type { Task, TaskCreate } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { explainNoWorker, listAble, type Requirement } from "../workers/index.ts";
import { insertDependencies, shareDependencies } from "./dependency.repository.ts";
import type { DispatchPort } from "./dispatch.port.ts";
import { existingTasks } from "./task.repository.ts";
import { queueTask } from "./task-actions.service.ts";
import { insertTask, type NewTask } from "./task-insert.repository.ts";
import { findTask, toTask } from "./task-row.repository.ts";

/** The part of the repositories that tasks need. */
export interface TaskRepositories {
  ensure(tx: Tx, url: string): Promise<{ id: string; url: string }>;
  get(id: string): Promise<{ id: string; url: string }>;
  /** The registered repository of an address; undefined when it is new. */
  findByUrl(url: string): Promise<{ id: string; url: string } | undefined>;
}

export interface CreateTask {
  /** The same for every try of one request. */
  id: string;
  actor: Actor;
  body: TaskCreate;
  correlationId: string;
}

export interface TaskCreatorDeps {
  db: Db;
  dispatch: DispatchPort;
  repositories: TaskRepositories;
  /** True: tasks that no worker could run now are queued all the same. */
  allowsUnrunnable: boolean;
}

async function assertKnown(tx: Tx, path: string, ids: readonly string[]): Promise<void> {
  const known = await existingTasks(tx, ids);
  const missing = ids.find((id) => !known.has(id));
  if (missing !== undefined) {
    const message = `there is no task ${missing}`;
    throw new AppError("request.invalid", `${path}: ${message}`, { issues: [{ path, message }] });
  }
}

/** @throws AppError `task.no_worker` with the remedy, when no worker could run it */
export async function assertRunnable(source: Db | Tx, need: Requirement): Promise<void> {
  const reason = explainNoWorker(need, await listAble(source));
  if (reason !== undefined) {
    throw new AppError("task.no_worker", reason);
  }
}

/** What an earlier try of the same request made, as it is now. @throws AppError `repository.not_found` when that is why there is none */
async function earlierTask(
  source: Db | Tx,
  repositories: TaskRepositories,
  { id, repository }: Pick<NewTask, "id" | "repository">,
): Promise<Task> {
  const row = await findTask(source, id);
  if (row === undefined) {
    await repositories.get(repository.id);
  }
  if (row === undefined) {
    throw new AppError("task.conflict", "The task was deleted meanwhile.");
  }
  return toTask(row);
}

/** Makes tasks. Those that refer to no other, nearly all, cost two statements. */
export function createTaskCreator({ db, dispatch, repositories, allowsUnrunnable }: TaskCreatorDeps) {
  async function createAlone(made: NewTask): Promise<Task> {
    if (!made.body.enqueue) {
      const task = await insertTask(db, made);
      return task === undefined
        ? await earlierTask(db, repositories, made)
        : toTask({ ...task, dependsOn: [] });
    }
    return await inTransaction(db, async (tx) => {
      const task = await insertTask(tx, made);
      if (task === undefined) {
        return await earlierTask(tx, repositories, made);
      }
      if (!(await dispatch.enqueueReady(tx, task.id, { needsWorker: !allowsUnrunnable }))) {
        await assertRunnable(tx, made.body);
        await queueTask(tx, dispatch, task);
      }
      return toTask({ ...task, status: "queued", dependsOn: [] });
    });
  }

  async function createLinked(made: Omit<NewTask, "repository">, known: NewTask["repository"] | undefined) {
    const { body } = made;
    if (body.enqueue && !allowsUnrunnable) {
      await assertRunnable(db, body);
    }
    return await inTransaction(db, async (tx) => {
      const repository = known ?? (await repositories.ensure(tx, body.repositoryUrl ?? ""));
      const dependsOn = [...new Set(body.dependsOn)];
      await assertKnown(tx, "dependsOn", dependsOn);
      await assertKnown(tx, "parentTaskId", body.parentTaskId === undefined ? [] : [body.parentTaskId]);
      await shareDependencies(tx, [], dependsOn);
      const task = await insertTask(tx, { ...made, repository });
      if (task === undefined) {
        return await earlierTask(tx, repositories, { id: made.id, repository });
      }
      await insertDependencies(tx, task.id, dependsOn);
      if (body.enqueue) {
        await queueTask(tx, dispatch, task);
      }
      const row = await findTask(tx, task.id);
      return toTask(row ?? { ...task, dependsOn });
    });
  }

  return async ({ id: taskId, actor, body, correlationId }: CreateTask): Promise<Task> => {
    const { repositoryUrl: url, repositoryId: id } = body;
    // Whether an id is a repository's is found out when the task is written.
    const known = url === undefined ? { id: id ?? "", url: null } : await repositories.findByUrl(url);
    const workType = dispatch.workTypeOf({ ...body, taskType: body.type });
    const made = { id: taskId, body, workType, createdBy: actor.userId, correlationId };
    const isAlone = body.parentTaskId === undefined && body.dependsOn.length === 0;
    return known !== undefined && isAlone
      ? await createAlone({ ...made, repository: known })
      : await createLinked(made, known);
  };
}
