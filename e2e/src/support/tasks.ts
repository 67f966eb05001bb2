import type { Client } from "@agentvine/client";
import { type Event, type Execution, endpoints, type Task, type TaskCreateInput } from "@agentvine/contracts";
import { git, waitUntil } from "@agentvine/testkit";

export const isOver = ({ status }: Task): boolean => ["completed", "failed", "cancelled"].includes(status);

export const createTask = (client: Client, body: TaskCreateInput): Promise<Task> =>
  client.call(endpoints.tasks.create, { body });

export const readTask = (client: Client, { id }: Pick<Task, "id">): Promise<Task> =>
  client.call(endpoints.tasks.get, { params: { taskId: id } });

/** Waits until the task stands as wanted; fails at once, with the reason, when it has ended in another way. */
export const untilStatus = (
  client: Client,
  task: Pick<Task, "id">,
  status: Task["status"],
  timeoutMs = 90_000,
): Promise<Task> =>
  settled(
    waitUntil(
      async () => {
        const now = await readTask(client, task);
        return now.status === status || isOver(now) ? now : undefined;
      },
      { timeoutMs, intervalMs: 50, message: `the task to be ${status}` },
    ),
    status,
  );

async function settled(pending: Promise<Task>, status: Task["status"]): Promise<Task> {
  const task = await pending;
  if (task.status !== status) throw new Error(`the task is ${task.status}: ${task.statusReason}`);
  return task;
}

/** Waits until nothing more happens to the task by itself. */
export const untilResting = (client: Client, task: Pick<Task, "id">, timeoutMs = 90_000): Promise<Task> =>
  waitUntil(
    async () => {
      const now = await readTask(client, task);
      return isOver(now) || now.status === "in_review" ? now : undefined;
    },
    { timeoutMs, intervalMs: 50, message: "the task to rest" },
  );

export const eventsOf = async (client: Client, task: Pick<Task, "id">): Promise<Event[]> =>
  (await client.call(endpoints.tasks.timeline, { params: { taskId: task.id }, query: { limit: 1_000 } }))
    .items;

const endings = new Set<Event["type"]>(["task.completed", "task.failed", "task.cancelled"]);

/**
 * The terminal events of a task that has ended: exactly one. An event shows only once its place in the order is settled, a moment
 * after the change itself.
 */
export const endingsOf = (client: Client, task: Pick<Task, "id">): Promise<Event["type"][]> =>
  waitUntil(
    async () => {
      const found = (await eventsOf(client, task))
        .map(({ type }) => type)
        .filter((type) => endings.has(type));
      return found.length > 0 ? found : undefined;
    },
    { message: "the task's end to be told" },
  );

/** Oldest first. */
export const executionsOf = async (client: Client, task: Pick<Task, "id">): Promise<Execution[]> =>
  (
    await client.call(endpoints.executions.list, { query: { taskId: task.id, pageSize: 100 } })
  ).items.toSorted((left, right) => left.attempt - right.attempt);

/** The branches that were published to a repository. */
export const publishedBranches = async (repository: string): Promise<string[]> =>
  (await git(repository, "branch", "--list", "agentvine/*", "--format=%(refname:short)"))
    .split("\n")
    .filter((name) => name !== "");
