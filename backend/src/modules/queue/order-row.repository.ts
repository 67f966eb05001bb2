import type { WorkOrder } from "@agentvine/contracts";
import { shapeOf } from "../../database/row-shape.ts";
import { workOrders } from "../../database/schema/index.ts";

export type OrderRow = typeof workOrders.$inferSelect;

/** How prepared statements read orders. */
export const orderShape = shapeOf(workOrders);

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null;

/** The row as the API shows it. */
export const toWorkOrder = (row: OrderRow): WorkOrder => ({
  id: row.id,
  taskId: row.taskId,
  kind: row.kind,
  queueName: row.queueName,
  status: row.status,
  attempt: row.attempt,
  workerId: row.workerId,
  payload: row.payload,
  result: row.result,
  errorMessage: row.errorMessage,
  retryCount: row.retryCount,
  maxRetries: row.maxRetries,
  lostLeases: row.lostLeases,
  timeoutSeconds: row.timeoutSeconds,
  enqueuedAt: row.enqueuedAt.toISOString(),
  availableAt: row.availableAt.toISOString(),
  claimedAt: iso(row.claimedAt),
  leaseExpiresAt: iso(row.leaseExpiresAt),
  completedAt: iso(row.completedAt),
  expiresAt: iso(row.expiresAt),
});
