import type { Priority, WorkOrderKind, WorkOrderStatus } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, desc, eq, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import { countUpTo, type Total } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { workOrders } from "../../database/schema/index.ts";
import { storableJson } from "../../storable-json.ts";
import type { TaskRow } from "../tasks/index.ts";
import { type OrderRow, orderShape } from "./order-row.repository.ts";
import { queuePlace } from "./ranking.ts";
import { maxRetriesDefault } from "./retry-policy.ts";
import { announceWork } from "./work-channel.repository.ts";

export interface NewOrder {
  task: TaskRow;
  kind: WorkOrderKind;
  payload: Record<string, unknown>;
  delaySeconds?: number | undefined;
  expiresInSeconds?: number | undefined;
  maxRetries?: number | undefined;
}

const fromNow = (seconds: number): SQL<Date> => sql<Date>`now() + ${seconds} * interval '1 second'`;

function orderValues({ task, kind, payload, delaySeconds = 0, expiresInSeconds, maxRetries }: NewOrder) {
  const place = queuePlace(kind, task, task.priority);
  return {
    id: newId(),
    taskId: task.id,
    kind,
    queueName: place.lane,
    workType: place.workType,
    status: "pending" as const,
    payload: storableJson(payload),
    maxRetries: maxRetries ?? maxRetriesDefault,
    timeoutSeconds: task.timeoutSeconds,
    enqueuedAt: sql`now()`,
    rankedAt: fromNow(-place.headStartSeconds),
    availableAt: fromNow(delaySeconds),
    expiresAt: expiresInSeconds === undefined ? null : fromNow(expiresInSeconds),
    correlationId: task.correlationId,
  };
}

/** Queues orders, in one statement. A task has one live order at most: the unique index refuses a second. */
export async function insertOrders(tx: Tx, orders: readonly NewOrder[]): Promise<OrderRow[]> {
  if (orders.length === 0) {
    return [];
  }
  const rows = await tx.insert(workOrders).values(orders.map(orderValues)).returning();
  const isDelayed = new Set(orders.filter((order) => order.delaySeconds).map((order) => order.task.id));
  announceWork(
    tx,
    rows.filter((row) => !isDelayed.has(row.taskId)).map((row) => row.workType),
  );
  return rows;
}

const liveStatuses = ["pending", "claimed", "parked"] as const;

export async function findOrder(db: Db | Tx, orderId: string): Promise<OrderRow | undefined> {
  const [row] = await db.select().from(workOrders).where(eq(workOrders.id, orderId));
  return row;
}

const lockLiveOrderStatement: Statement = {
  name: "lock-live-order",
  text: `select ${orderShape.columns("o")} from work_orders o
    where o.task_id = $1 and o.status in (${liveStatuses.map((status) => `'${status}'`).join(", ")}) for no key update`,
};

/** The task's live order, locked. Lock the task first. */
export async function lockLiveOrder(tx: Tx, taskId: string): Promise<OrderRow | undefined> {
  const [row] = await runPrepared(tx, lockLiveOrderStatement, [taskId]);
  return row && orderShape.read(row);
}

/** The task's last order, of a kind or of any. */
export async function lastOrder(
  tx: Db | Tx,
  taskId: string,
  only: { kind?: WorkOrderKind; status?: WorkOrderStatus } = {},
): Promise<OrderRow | undefined> {
  const [row] = await tx
    .select()
    .from(workOrders)
    .where(
      and(
        eq(workOrders.taskId, taskId),
        only.kind === undefined ? undefined : eq(workOrders.kind, only.kind),
        only.status === undefined ? undefined : eq(workOrders.status, only.status),
      ),
    )
    .orderBy(desc(workOrders.enqueuedAt), desc(workOrders.id))
    .limit(1);
  return row;
}

/** Moves an order that nobody holds from one status to another; undefined when it is not in that status. */
export async function moveOrder(
  tx: Tx,
  orderId: string,
  from: WorkOrderStatus,
  change: Partial<Omit<OrderRow, "completedAt" | "availableAt">> & { status: WorkOrderStatus },
  moments: { isEnded?: boolean; isAvailableNow?: boolean } = {},
): Promise<OrderRow | undefined> {
  const [row] = await tx
    .update(workOrders)
    .set({
      ...change,
      ...(moments.isEnded === true ? { completedAt: sql`now()` } : {}),
      ...(moments.isAvailableNow === true ? { availableAt: sql`now()` } : {}),
    })
    .where(and(eq(workOrders.id, orderId), eq(workOrders.status, from)))
    .returning();
  if (row?.status === "pending") {
    announceWork(tx, [row.workType]);
  }
  return row;
}

/** Queues a failed order again as if it were new: tries and losses are counted from the start. */
export async function requeueOrder(
  tx: Tx,
  order: OrderRow,
  task: TaskRow,
  payload: Record<string, unknown>,
): Promise<OrderRow | undefined> {
  const place = queuePlace(order.kind, task, task.priority);
  const [row] = await tx
    .update(workOrders)
    .set({
      status: "pending",
      payload: storableJson(payload),
      queueName: place.lane,
      result: null,
      resultHash: null,
      errorMessage: null,
      retryCount: 0,
      lostLeases: 0,
      workerId: null,
      workerInstanceId: null,
      completedAt: null,
      deadLetteredAt: null,
      expiresAt: null,
      enqueuedAt: sql`now()`,
      rankedAt: fromNow(-place.headStartSeconds),
      availableAt: sql`now()`,
    })
    .where(and(eq(workOrders.id, order.id), eq(workOrders.status, "failed")))
    .returning();
  if (row !== undefined) {
    announceWork(tx, [row.workType]);
  }
  return row;
}

/** Puts the task's pending run where the priority belongs, keeping its age. */
export async function rerankOrder(tx: Tx, task: TaskRow, priority: Priority): Promise<void> {
  const place = queuePlace("run", task, priority);
  await tx
    .update(workOrders)
    .set({
      queueName: place.lane,
      rankedAt: sql`${workOrders.enqueuedAt} - ${place.headStartSeconds} * interval '1 second'`,
    })
    .where(
      and(
        eq(workOrders.taskId, task.id),
        eq(workOrders.kind, "run"),
        inArray(workOrders.status, [...liveStatuses]),
      ),
    );
}

export interface OrderQuery {
  page: number;
  pageSize: number;
  status?: WorkOrderStatus | undefined;
  taskId?: string | undefined;
  isDeadLetter?: boolean | undefined;
}

/** A page of orders, newest first, and how many match. */
export async function listOrders(db: Db, query: OrderQuery): Promise<Total & { rows: OrderRow[] }> {
  const where = and(
    query.status === undefined ? undefined : eq(workOrders.status, query.status),
    query.taskId === undefined ? undefined : eq(workOrders.taskId, query.taskId),
    query.isDeadLetter === undefined
      ? undefined
      : query.isDeadLetter
        ? isNotNull(workOrders.deadLetteredAt)
        : sql`${workOrders.deadLetteredAt} is null`,
  );
  const sorting = [desc(workOrders.enqueuedAt), desc(workOrders.id)];
  const ids = db
    .select({ id: workOrders.id })
    .from(workOrders)
    .where(where)
    .orderBy(...sorting)
    .limit(query.pageSize)
    .offset((query.page - 1) * query.pageSize);
  const [rows, total] = await Promise.all([
    db
      .select()
      .from(workOrders)
      .where(inArray(workOrders.id, ids))
      .orderBy(...sorting),
    countUpTo(db, workOrders, where),
  ]);
  return { rows, ...total };
}
