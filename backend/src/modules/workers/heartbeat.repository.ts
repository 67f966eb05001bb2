import type { WorkerMetrics, WorkerStatus } from "@agentvine/contracts";
import { and, eq, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { workerSamples, workers } from "../../database/schema/index.ts";
import type { WorkerRow } from "./worker-row.repository.ts";

/** What a heartbeat says about the worker itself. */
export interface Pulse {
  workerId: string;
  instanceId: string;
  metrics: WorkerMetrics | undefined;
  fault: string | null;
}

/**
 * Notes the heartbeat: when, how it is, and the status that follows. Undefined when another process has the worker's name now.
 * Locks the worker's row: call it after the orders are renewed.
 */
export async function recordPulse(
  tx: Tx,
  { workerId, instanceId, metrics, fault }: Pulse,
): Promise<{ worker: WorkerRow; before: WorkerStatus } | undefined> {
  const condition = and(
    eq(workers.id, workerId),
    eq(workers.instanceId, instanceId),
    isNull(workers.deregisteredAt),
  );
  const [before] = await tx
    .select({ status: workers.status, statusReason: workers.statusReason })
    .from(workers)
    .where(condition)
    .for("no key update");
  if (before === undefined) {
    return undefined;
  }
  const [worker] = await tx
    .update(workers)
    .set({
      lastHeartbeatAt: sql`now()`,
      updatedAt: sql`now()`,
      ...(metrics === undefined ? {} : { metrics }),
      statusReason: fault ?? (before.status === "draining" ? before.statusReason : ""),
      status: sql`case
        when ${fault}::text is not null then 'error'
        when ${workers.status} = 'draining' then 'draining'
        when ${workers.activeCount} > 0 then 'busy'
        else 'idle' end`,
    })
    .where(condition)
    .returning();
  return worker === undefined ? undefined : { worker, before: before.status };
}

/** Keeps the worker's load, at most once a minute. */
export async function recordSample(tx: Tx, worker: WorkerRow, metrics: WorkerMetrics): Promise<void> {
  await tx.execute(sql`
    insert into ${workerSamples} (worker_id, active_count, load_average, memory_used_bytes, disk_free_bytes)
    select ${worker.id}::uuid, ${worker.activeCount}::int, ${metrics.loadAverage}::float8,
      ${metrics.memoryUsedBytes}::bigint, ${metrics.diskFreeBytes}::bigint
    where not exists (
      select from ${workerSamples}
      where ${workerSamples.workerId} = ${worker.id} and ${workerSamples.sampledAt} > now() - interval '1 minute'
    )
    on conflict do nothing`);
}

/** The latest samples, oldest first. */
export async function listSamples(db: Db, workerId: string, limit: number) {
  const rows = await db
    .select()
    .from(workerSamples)
    .where(eq(workerSamples.workerId, workerId))
    .orderBy(sql`${workerSamples.sampledAt} desc`)
    .limit(limit);
  return rows.reverse().map(({ workerId: _, sampledAt, ...sample }) => ({
    ...sample,
    sampledAt: sampledAt.toISOString(),
  }));
}
