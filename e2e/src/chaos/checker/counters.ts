import type { HistoryEvent } from "../history.ts";
import type { Rule, Violation } from "./rule.ts";

/** Positions are 1, 2, 3, … without gaps or repeats, and every event has one. */
export const positionsHaveNoGaps: Rule = ({ ordered }) => {
  const found: Violation[] = [];
  for (const [index, { position, type, taskId }] of ordered.entries()) {
    if (position !== index + 1) {
      const message = `${type} has position ${position ?? "none"} where ${index + 1} is due`;
      found.push({ rule: "positions", taskId, message });
      break;
    }
  }
  return found;
};

const countType = (events: readonly HistoryEvent[], type: HistoryEvent["type"]): number =>
  events.filter((event) => event.type === type).length;

interface Compared {
  readonly taskId: string | null;
  readonly what: string;
  readonly said: number;
  readonly counted: number;
}

const differences = (compared: readonly Compared[]): Violation[] =>
  compared
    .filter(({ said, counted }) => said !== counted)
    .map(({ taskId, what, said, counted }) => ({
      rule: "counters",
      taskId,
      message: `${what} is ${said}, the history counts ${counted}`,
    }));

/** Attempts and runs of a task against its claims. */
export const taskCounters: Rule = ({ tasks, byTask, orders }) => {
  const kindOf = new Map(orders.map(({ id, kind }) => [id, kind]));
  return differences(
    tasks.flatMap(({ id, attempt, runs }) => {
      const claims = (byTask.get(id) ?? []).filter(({ type }) => type === "work_order.claimed");
      const ran = claims.filter(({ workOrderId }) => kindOf.get(workOrderId ?? "") === "run");
      return [
        { taskId: id, what: "attempt", said: attempt, counted: claims.length },
        { taskId: id, what: "runs", said: runs, counted: ran.length },
      ];
    }),
  );
};

/** Losses and retries of an order since a person took it up (again). */
export const orderCounters: Rule = ({ orders, byTask }) =>
  differences(
    orders.flatMap(({ id, taskId, lostLeases, retryCount }) => {
      const own = (byTask.get(taskId) ?? []).filter(({ workOrderId }) => workOrderId === id);
      const since = own.slice(own.findLastIndex(({ type }) => type === "work_order.requeued") + 1);
      return [
        {
          taskId,
          what: `lost leases of order ${id}`,
          said: lostLeases,
          counted: countType(since, "work_order.lease_lost"),
        },
        {
          taskId,
          what: `retries of order ${id}`,
          said: retryCount,
          counted: countType(since, "work_order.retried"),
        },
      ];
    }),
  );

/** Slots that workers are said to use, and what the API counts. */
export const fleetCounters: Rule = ({ workers, tasks, orders, told }) => {
  const statuses = new Set([...Object.keys(told.tasks), ...tasks.map(({ status }) => status)]);
  const open = orders.filter(({ status }) => ["pending", "claimed", "parked"].includes(status));
  return differences([
    ...workers.map(({ name, activeCount, held }) => ({
      taskId: null,
      what: `active count of worker ${name}`,
      said: activeCount,
      counted: held,
    })),
    ...[...statuses].map((status) => ({
      taskId: null,
      what: `number of ${status} tasks that the API tells`,
      said: told.tasks[status] ?? 0,
      counted: tasks.filter((task) => task.status === status).length,
    })),
    {
      taskId: null,
      what: "number of open orders that the API tells",
      said: told.openOrders,
      counted: open.length,
    },
  ]);
};
