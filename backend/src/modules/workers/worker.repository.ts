import type { WorkerRegister, WorkerStatus } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, asc, eq, inArray, isNull, lt, ne, type SQL, sql } from "drizzle-orm";
import { countUpTo, type Total } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { workerCapabilities, workers, workOrders } from "../../database/schema/index.ts";
import { storableJson } from "../../storable-json.ts";
import { hasLiveKey } from "../api-keys/index.ts";
import { type CapabilityRow, capabilityRows, workerTypeOf } from "./worker.ts";
import type { WorkerRow } from "./worker-row.repository.ts";

/**
 * Makes the worker's row, or takes it over under its name. A new process starts with free slots: orders of the process
 * before it stay leased to that one until they end or expire. One that was here before still holds what it held.
 * Undefined: a registered worker has the name by another key that is still valid, and the caller may not take over `anybodys`.
 */
export async function upsertWorker(
  tx: Tx,
  body: WorkerRegister,
  { apiKeyId, anybodys }: { apiKeyId: string | null; anybodys: boolean },
): Promise<WorkerRow | undefined> {
  const values = {
    name: body.name,
    workerType: workerTypeOf(body.capabilities),
    status: "idle" as const,
    statusReason: "",
    version: body.version,
    instanceId: body.instanceId,
    maxConcurrentTasks: body.maxConcurrentTasks,
    timeoutSeconds: body.timeoutSeconds,
    contextWindowSize: body.contextWindowSize ?? null,
    config: storableJson(body.config),
    capabilities: storableJson(body.capabilities),
    apiKeyId,
    deregisteredAt: null,
  };
  const [row] = await tx
    .insert(workers)
    .values({ ...values, id: newId(), lastHeartbeatAt: sql`now()` })
    .onConflictDoUpdate({
      target: workers.name,
      set: { ...values, metrics: null, lastHeartbeatAt: sql`now()`, updatedAt: sql`now()` },
      setWhere: sql`${anybodys} or workers.deregistered_at is not null or workers.api_key_id is null
        or workers.api_key_id = ${apiKeyId}::uuid or not ${hasLiveKey(sql`workers.api_key_id`)}`,
    })
    .returning();
  if (row === undefined) return undefined;
  await replaceCapabilities(tx, row.id, capabilityRows(row.capabilities));
  return await recountSlots(tx, row);
}

/** Sets the slots in use to what the process holds. A statement of its own, behind the row's lock: claims and results have it too. */
async function recountSlots(tx: Tx, worker: WorkerRow): Promise<WorkerRow> {
  const held = and(
    eq(workOrders.status, "claimed"),
    eq(workOrders.workerId, worker.id),
    eq(workOrders.workerInstanceId, worker.instanceId),
  );
  const activeCount = await tx.$count(workOrders, held);
  if (activeCount === worker.activeCount && activeCount === 0) {
    return worker;
  }
  const status = activeCount > 0 ? ("busy" as const) : ("idle" as const);
  await tx.update(workers).set({ activeCount, status }).where(eq(workers.id, worker.id));
  return { ...worker, activeCount, status };
}

async function replaceCapabilities(tx: Tx, workerId: string, rows: CapabilityRow[]): Promise<void> {
  await tx.delete(workerCapabilities).where(eq(workerCapabilities.workerId, workerId));
  await tx.insert(workerCapabilities).values(rows.map((row) => ({ ...row, workerId })));
}

/** A registered worker. */
export async function findWorker(db: Db | Tx, workerId: string): Promise<WorkerRow | undefined> {
  const [row] = await db
    .select()
    .from(workers)
    .where(and(eq(workers.id, workerId), isNull(workers.deregisteredAt)));
  return row;
}

/** A page of the registered workers by name, and how many there are. */
export async function listWorkers(
  db: Db,
  query: { page: number; pageSize: number; status?: WorkerStatus[] | undefined },
): Promise<Total & { rows: WorkerRow[] }> {
  const conditions: SQL[] = [isNull(workers.deregisteredAt)];
  if (query.status !== undefined) {
    conditions.push(inArray(workers.status, query.status));
  }
  const where = and(...conditions);
  const rows = await db
    .select()
    .from(workers)
    .where(where)
    .orderBy(asc(workers.name))
    .limit(query.pageSize)
    .offset((query.page - 1) * query.pageSize);
  return { rows, ...(await countUpTo(db, workers, where)) };
}

/** Lets the worker drain; undefined when its status does not allow it (it drains already, or is offline). */
export async function setDraining(tx: Tx, workerId: string, reason: string): Promise<WorkerRow | undefined> {
  const [row] = await tx
    .update(workers)
    .set({ status: "draining", statusReason: reason, updatedAt: sql`now()` })
    .where(and(eq(workers.id, workerId), inArray(workers.status, ["idle", "busy", "error"])))
    .returning();
  return row;
}

/** Marks the worker as gone; it claims nothing from here on. False when it already was. */
export async function markDeregistered(tx: Tx, workerId: string): Promise<boolean> {
  const rows = await tx
    .update(workers)
    .set({
      deregisteredAt: sql`now()`,
      status: "offline",
      statusReason: "deregistered",
      // It holds nothing any more, also should the same process register again.
      activeCount: 0,
      updatedAt: sql`now()`,
    })
    .where(and(eq(workers.id, workerId), isNull(workers.deregisteredAt)))
    .returning({ id: workers.id });
  return rows.length > 0;
}

/** Workers that were not heard of for `silentMs` become offline; returns them. */
export async function markVanished(tx: Tx, silentMs: number): Promise<WorkerRow[]> {
  return await tx
    .update(workers)
    .set({ status: "offline", statusReason: "no heartbeat", updatedAt: sql`now()` })
    .where(
      and(
        ne(workers.status, "offline"),
        isNull(workers.deregisteredAt),
        lt(workers.lastHeartbeatAt, sql`now() - ${silentMs} * interval '1 millisecond'`),
      ),
    )
    .returning();
}

/**
 * Gives a slot back when the process that held it is still the worker's. Call it last in a transaction: workers are locked
 * after tasks and orders. Locks the row also when the process was replaced, so that one that comes back at this moment counts what
 * it holds before or after, never in between. Returns the status the worker changed to, if it did.
 */
export async function freeSlot(
  tx: Tx,
  workerId: string,
  instanceId: string,
): Promise<WorkerStatus | undefined> {
  const isOurs = sql`${workers.instanceId} = ${instanceId}`;
  const [row] = await tx
    .update(workers)
    .set({
      activeCount: sql`case when ${isOurs} then greatest(${workers.activeCount} - 1, 0) else ${workers.activeCount} end`,
      status: sql`case when ${isOurs} and ${workers.status} = 'busy' and ${workers.activeCount} <= 1 then 'idle' else ${workers.status} end`,
      updatedAt: sql`now()`,
    })
    .where(eq(workers.id, workerId))
    .returning({ activeCount: workers.activeCount, status: workers.status, instanceId: workers.instanceId });
  return row?.instanceId === instanceId && row.activeCount === 0 && row.status === "idle"
    ? row.status
    : undefined;
}
