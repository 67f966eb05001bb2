import {
  nextStatus,
  type TaskEvent,
  type TaskStatus,
  taskMachine,
  type WorkOrderEvent,
  type WorkOrderStatus,
  workOrderMachine,
} from "@agentvine/contracts";

/** A row of the history as far as a replay needs it. */
export interface HistoryRow {
  type: string;
  work_order_id: string | null;
  data: { status?: string };
}

/** Where a history leads, and what in it the tables of the contracts do not allow. */
export interface Replayed {
  task: TaskStatus;
  orders: Map<string, WorkOrderStatus>;
  illegal: string[];
}

const taskEventOf: Record<string, TaskEvent | undefined> = {
  "task.claimed": "claim",
  "task.waiting": "wait",
  "task.requeued": "requeue",
  "task.submitted": "submit",
  "task.completed": "complete",
  "task.rejected": "reject",
  "task.failed": "fail",
  "task.cancelled": "cancel",
  "task.blocked": "block",
  "task.unblocked": "unblock",
};
const orderEventOf: Record<string, WorkOrderEvent | undefined> = {
  "work_order.claimed": "claim",
  "work_order.completed": "complete",
  "work_order.failed": "fail",
  "work_order.cancelled": "cancel",
  "work_order.expired": "expire",
  "work_order.retried": "retry",
  "work_order.released": "release",
  "work_order.parked": "park",
  "work_order.resumed": "resume",
  "work_order.requeued": "requeue",
};

/** Two ways lead into the queue under one name; where the task stood tells which one it was. */
const taskEvent = (type: string, from: TaskStatus): TaskEvent | undefined =>
  type === "task.queued" ? (from === "failed" ? "retry" : "enqueue") : taskEventOf[type];

const orderEvent = ({ type, data }: HistoryRow): WorkOrderEvent | undefined =>
  type === "work_order.lease_lost" ? (data.status === "failed" ? "bury" : "lose") : orderEventOf[type];

/** Plays the history of one task, oldest first, against the tables of the contracts. */
export function replayHistory(history: readonly HistoryRow[]): Replayed {
  const result: Replayed = { task: "pending", orders: new Map(), illegal: [] };
  const { orders, illegal } = result;
  for (const row of history) {
    const event = taskEvent(row.type, result.task);
    if (event !== undefined) {
      const to = nextStatus(taskMachine, result.task, event);
      if (to === undefined) illegal.push(`${row.type} of a ${result.task} task`);
      result.task = to ?? result.task;
    }
    if (row.work_order_id === null) continue;
    if (row.type === "work_order.enqueued") orders.set(row.work_order_id, "pending");
    const from = orders.get(row.work_order_id) ?? "pending";
    const ofOrder = orderEvent(row);
    if (ofOrder !== undefined) {
      const to = nextStatus(workOrderMachine, from, ofOrder);
      if (to === undefined) illegal.push(`${row.type} of a ${from} order`);
      orders.set(row.work_order_id, to ?? from);
    }
  }
  return result;
}
