import { taskBody } from "../dispatch/life.ts";
import type { Filled } from "./fill.ts";

/** One request of the API, asked again and again. */
export interface BenchRequest {
  name: string;
  method?: "GET" | "POST";
  path: string | (() => string);
  body?: object;
  /** It reads a page of a list: no list may be slow. */
  isList?: boolean;
  /** It leaves something behind, and comes last. */
  isWrite?: boolean;
}

const anyOf = <T>(list: readonly T[]): T => {
  const one = list[Math.floor(Math.random() * list.length)];
  if (one === undefined) throw new Error("there is nothing to choose from");
  return one;
};

const list = (name: string, path: string | (() => string)): BenchRequest => ({ name, path, isList: true });

/** What is asked of a backend with so many tasks. */
export function requestsFor(
  taskCount: number,
  { taskIds, repositoryIds, lastPosition }: Filled,
): BenchRequest[] {
  const tasks = "/api/v1/tasks";
  const pageAt = (depth: number): number => Math.ceil(depth / 20);
  return [
    { name: "task", path: () => `${tasks}/${anyOf(taskIds)}` },
    list("tasks", tasks),
    list("tasks, status", `${tasks}?status=failed`),
    list("tasks, type and status", `${tasks}?type=docs&status=failed`),
    list("tasks, repository", () => `${tasks}?repositoryId=${anyOf(repositoryIds)}`),
    list("tasks, alive", `${tasks}?isLive=true`),
    list("tasks, a frequent word", `${tasks}?search=throttle`),
    list("tasks, a rare word", `${tasks}?search=zeppelin`),
    list("tasks, a word of none", `${tasks}?search=xylophone`),
    list("tasks by update", `${tasks}?sort=updatedAt`),
    list("tasks by priority", `${tasks}?sort=priority`),
    list("tasks by title", `${tasks}?sort=title`),
    list("tasks, a page deep down", `${tasks}?page=${pageAt(Math.min(taskCount, 10_000) * 0.9)}`),
    list("tasks, the last page", `${tasks}?page=${pageAt(taskCount)}`),
    { name: "timeline of a task", path: () => `${tasks}/${anyOf(taskIds)}/timeline` },
    {
      name: "events by cursor",
      path: () => `/api/v1/events?limit=50&after=${Math.floor(Math.random() * lastPosition)}`,
    },
    list("executions", "/api/v1/executions"),
    list("executions, status", "/api/v1/executions?status=failed"),
    list("orders", "/api/v1/queue/orders"),
    list("orders, status", "/api/v1/queue/orders?status=pending"),
    list("orders, dead letters", "/api/v1/queue/orders?isDeadLetter=true"),
    list("workers", "/api/v1/workers?pageSize=100"),
    { name: "queue status", path: "/api/v1/queue/status" },
    { name: "stats", path: "/api/v1/stats" },
    { name: "ready", path: "/health/ready" },
    {
      name: "POST a task",
      method: "POST",
      path: tasks,
      body: taskBody(anyOf(repositoryIds)),
      isWrite: true,
    },
  ];
}
