import type { Enqueue, QueueStatus, WorkOrder, WorkOrderStatus } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { shareRead } from "../../database/shared-read.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { recordEvents } from "../events/index.ts";
import {
  baseBranchOf,
  dependenciesOf,
  lockTask,
  lockTasks,
  moveTask,
  moveTasksToQueued,
  shareDependencies,
  type TaskRow,
} from "../tasks/index.ts";
import { explainNoWorker, listAble } from "../workers/index.ts";
import { requeueFailed } from "./dispatch.service.ts";
import { enqueueReady } from "./enqueue.repository.ts";
import { findOrder, insertOrders, listOrders, type NewOrder } from "./order.repository.ts";
import { type OrderRow, toWorkOrder } from "./order-row.repository.ts";
import type { RequestsPort } from "./requests.port.ts";
import { resumeParked } from "./resume.service.ts";
import { readQueueDepth } from "./status.repository.ts";

interface BatchReply {
  items: { taskId: string; workOrderId: string | null; error: string | null }[];
}

const recordOrder = (
  tx: Tx,
  action: "work_order.requeued" | "work_order.resumed",
  { id, taskId, kind, status }: OrderRow,
): Promise<void> =>
  recordAudit(tx, { action, targetType: "work_order", targetId: id, detail: { taskId, kind, status } });

const unknownOrder = (orderId: string): AppError =>
  new AppError("work_order.not_found", `There is no work order ${orderId}.`);

/** Why a task can't be queued; undefined when it can. `able`: the workers there are; undefined when that does not matter. */
function refusalOf(
  task: TaskRow | undefined,
  unfinished: number,
  able: Parameters<typeof explainNoWorker>[1] | undefined,
): AppError | undefined {
  if (task === undefined) {
    return new AppError("task.not_found", "There is no such task.");
  }
  if (task.status !== "pending") {
    return new AppError(
      "task.illegal_transition",
      `The task is ${task.status}; only pending tasks are queued.`,
    );
  }
  if (unfinished > 0) {
    return new AppError(
      "task.illegal_transition",
      `The task waits for ${unfinished} unfinished task${unfinished === 1 ? "" : "s"}. Set its status to queued: it then starts by itself.`,
    );
  }
  const reason = able && explainNoWorker({ ...task, type: task.taskType }, able);
  return reason === undefined ? undefined : new AppError("task.no_worker", reason);
}

/** Queues what can be queued, in a few statements however many there are; returns an order or a refusal for each. */
async function enqueueAll(
  tx: Tx,
  items: readonly Enqueue[],
  allowsUnrunnable: boolean,
): Promise<Map<Enqueue, OrderRow | AppError>> {
  const able = allowsUnrunnable ? undefined : await listAble(tx);
  const ids = [...new Set(items.map((item) => item.taskId))];
  await shareDependencies(tx, ids);
  const found = new Map((await lockTasks(tx, ids)).map((task) => [task.id, task]));
  const dependencies = await dependenciesOf(tx, ids);
  const outcomes = new Map<Enqueue, OrderRow | AppError>();
  const accepted = new Map<string, { item: Enqueue; order: NewOrder }>();
  for (const item of items) {
    const task = found.get(item.taskId);
    const unfinished = dependencies.filter((one) => one.taskId === item.taskId && one.status !== "completed");
    const refusal = refusalOf(task, unfinished.length, able);
    if (refusal !== undefined) {
      outcomes.set(item, refusal);
    } else if (accepted.has(item.taskId)) {
      outcomes.set(item, new AppError("task.illegal_transition", "The task is named twice."));
    } else if (task !== undefined) {
      const payload = { baseBranch: baseBranchOf(task, dependencies), followUp: null };
      accepted.set(item.taskId, { item, order: { ...item, task, kind: "run", payload } });
    }
  }
  const rows = await insertOrders(
    tx,
    [...accepted.values()].map(({ order }) => order),
  );
  await moveTasksToQueued(tx, [...accepted.keys()]);
  await recordEvents(
    tx,
    rows.flatMap((row) => [
      {
        type: "work_order.enqueued" as const,
        taskId: row.taskId,
        workOrderId: row.id,
        correlationId: row.correlationId,
        data: { kind: row.kind, status: row.status, lane: row.queueName },
      },
      {
        type: "task.queued" as const,
        taskId: row.taskId,
        correlationId: row.correlationId,
        data: { status: "queued", reason: "" },
      },
    ]),
  );
  for (const row of rows) {
    const item = accepted.get(row.taskId)?.item;
    if (item !== undefined) {
      outcomes.set(item, row);
    }
  }
  return outcomes;
}

/** The queue as people see it: what waits, what was given up, and how it gets moving again. */
export function createOrderService({
  db,
  allowsUnrunnable,
  requests,
}: {
  db: Db;
  allowsUnrunnable: boolean;
  requests: RequestsPort;
}) {
  // Dashboards ask for it again and again, and it reads all that waits.
  const queueDepth = shareRead(() => readQueueDepth(db));
  /** The order with its task locked first, as everywhere. */
  const lockOrder = async (tx: Tx, orderId: string): Promise<{ order: OrderRow; task: TaskRow }> => {
    const seen = await findOrder(tx, orderId);
    const task = seen === undefined ? undefined : await lockTask(tx, seen.taskId);
    const order = await findOrder(tx, orderId);
    if (task === undefined || order === undefined) {
      throw unknownOrder(orderId);
    }
    return { order, task };
  };

  return {
    /** The task of an order; undefined when there is no such order. */
    taskIdOf: async (orderId: string): Promise<string | undefined> => (await findOrder(db, orderId))?.taskId,

    /** Queues a pending task. @throws AppError `task.not_found`, `task.illegal_transition`, `task.no_worker` */
    enqueue: async ({ taskId, ...options }: Enqueue): Promise<WorkOrder> => {
      const ready = await enqueueReady(db, taskId, { ...options, needsWorker: !allowsUnrunnable });
      if (ready !== undefined) {
        return toWorkOrder(ready);
      }
      const item = { taskId, ...options };
      return await inTransaction(db, async (tx) => {
        const outcome = (await enqueueAll(tx, [item], allowsUnrunnable)).get(item);
        if (outcome === undefined || outcome instanceof AppError) {
          throw outcome ?? new AppError("task.conflict", "The task changed meanwhile.");
        }
        return toWorkOrder(outcome);
      });
    },

    /** Queues many at once; each that can't be queued says why and keeps no other from it. */
    enqueueBatch: (items: readonly Enqueue[]): Promise<BatchReply> =>
      inTransaction(db, async (tx) => {
        const outcomes = await enqueueAll(tx, items, allowsUnrunnable);
        return {
          items: items.map((item) => {
            const outcome = outcomes.get(item);
            return outcome === undefined || outcome instanceof AppError
              ? {
                  taskId: item.taskId,
                  workOrderId: null,
                  error: outcome?.message ?? "The task changed meanwhile.",
                }
              : { taskId: item.taskId, workOrderId: outcome.id, error: null };
          }),
        };
      }),

    /** Depth and age per lane. */
    status: (): Promise<QueueStatus> => queueDepth(),

    list: async (query: {
      page: number;
      pageSize: number;
      status?: WorkOrderStatus | undefined;
      taskId?: string | undefined;
      isDeadLetter?: boolean | undefined;
    }) => {
      const { rows, ...total } = await listOrders(db, query);
      return { items: rows.map(toWorkOrder), ...total };
    },

    /**
     * Takes a failed order, a dead letter for one, up again; its task is queued again with it.
     * @throws AppError `work_order.not_found`, `work_order.illegal_transition`
     */
    requeue: (orderId: string): Promise<WorkOrder> =>
      inTransaction(db, async (tx) => {
        const { order, task } = await lockOrder(tx, orderId);
        const isPushUnderReview = order.kind === "publish" && task.status === "in_review";
        if (task.status !== "failed" && !isPushUnderReview) {
          throw new AppError(
            "work_order.illegal_transition",
            `Its task is ${task.status}: nothing to take up again.`,
          );
        }
        const requeued = await requeueFailed(tx, task, order);
        if (task.status === "failed") {
          await moveTask(tx, task.id, { event: "retry", workOrderId: order.id });
        }
        await recordOrder(tx, "work_order.requeued", order);
        return toWorkOrder(requeued);
      }),

    /**
     * Puts a parked order back to its place in the queue, with the answer as the agent's next prompt.
     * @throws AppError `work_order.not_found`, `work_order.illegal_transition`
     */
    resume: (orderId: string, answer: string): Promise<WorkOrder> =>
      inTransaction(db, async (tx) => {
        const { order, task } = await lockOrder(tx, orderId);
        const resumed = await resumeParked(tx, orderId, answer);
        if (resumed === undefined) {
          throw new AppError(
            "work_order.illegal_transition",
            `The work order is ${order.status}, not parked.`,
          );
        }
        await requests.endLive(tx, task, "superseded", "a person resumed the work by hand");
        await recordOrder(tx, "work_order.resumed", order);
        return toWorkOrder(resumed);
      }),
  };
}

export type OrderService = ReturnType<typeof createOrderService>;
