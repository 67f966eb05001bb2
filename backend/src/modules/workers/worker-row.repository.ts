import type { Worker } from "@agentvine/contracts";
import type { workers } from "../../database/schema/index.ts";

export type WorkerRow = typeof workers.$inferSelect;

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null;

/** The row as the API shows it. */
export const toWorker = (row: WorkerRow): Worker => ({
  id: row.id,
  name: row.name,
  workerType: row.workerType,
  status: row.status,
  statusReason: row.statusReason,
  version: row.version,
  maxConcurrentTasks: row.maxConcurrentTasks,
  activeCount: row.activeCount,
  timeoutSeconds: row.timeoutSeconds,
  contextWindowSize: row.contextWindowSize,
  config: row.config,
  capabilities: row.capabilities,
  metrics: row.metrics,
  lastHeartbeatAt: iso(row.lastHeartbeatAt),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});
