import type { Controller, ControllerHeartbeat, ControllerRegister } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, asc, eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { controllers } from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { hasLiveKey } from "../api-keys/index.ts";

export type ControllerRow = typeof controllers.$inferSelect;

export const toController = (row: ControllerRow): Controller => ({
  id: row.id,
  name: row.name,
  status: row.isOnline ? "online" : "offline",
  version: row.version,
  model: row.model,
  isScripted: row.isScripted,
  metrics: row.metrics,
  fault: row.fault,
  registeredAt: row.registeredAt.toISOString(),
  lastHeartbeatAt: row.lastHeartbeatAt?.toISOString() ?? null,
});

/**
 * Registers a process under its name; the same name takes over. Undefined: the name was registered by another key that is still valid, and
 * the caller may not take over `anybodys`.
 */
export async function upsertController(
  tx: Tx,
  { name, instanceId, version, model, isScripted }: ControllerRegister,
  { apiKeyId, anybodys }: { apiKeyId: string | null; anybodys: boolean },
): Promise<ControllerRow | undefined> {
  const values = { name, instanceId, version, model, isScripted, apiKeyId, isOnline: true, fault: "" };
  const [row] = await tx
    .insert(controllers)
    .values({ id: newId(), ...values, lastHeartbeatAt: sql`now()` })
    .onConflictDoUpdate({
      target: controllers.name,
      set: { ...values, registeredAt: sql`now()`, lastHeartbeatAt: sql`now()` },
      setWhere: sql`${anybodys} or controllers.api_key_id is null or controllers.api_key_id = ${apiKeyId}::uuid
        or not ${hasLiveKey(sql`controllers.api_key_id`)}`,
    })
    .returning();
  return row;
}

export async function findController(db: Db | Tx, id: string): Promise<ControllerRow | undefined> {
  const [row] = await db.select().from(controllers).where(eq(controllers.id, id));
  return row;
}

/** Notes that the process is there. Undefined when another one has its name. */
export async function noteHeartbeat(
  db: Db,
  id: string,
  { instanceId, metrics, fault }: ControllerHeartbeat,
): Promise<ControllerRow | undefined> {
  const [row] = await db
    .update(controllers)
    .set({
      lastHeartbeatAt: sql`now()`,
      isOnline: true,
      fault: storableText(fault ?? ""),
      ...(metrics === undefined ? {} : { metrics: storableJson(metrics) }),
    })
    .where(and(eq(controllers.id, id), eq(controllers.instanceId, instanceId)))
    .returning();
  return row;
}

/** Marks a controller as gone; undefined when it was, or when another process has its name. */
export async function markGone(tx: Tx, id: string, instanceId: string): Promise<ControllerRow | undefined> {
  const [row] = await tx
    .update(controllers)
    .set({ isOnline: false })
    .where(
      and(eq(controllers.id, id), eq(controllers.instanceId, instanceId), eq(controllers.isOnline, true)),
    )
    .returning();
  return row;
}

/** Marks those as gone that were not heard of for so long. */
export async function markVanished(tx: Tx, silentMs: number): Promise<ControllerRow[]> {
  return await tx
    .update(controllers)
    .set({ isOnline: false })
    .where(
      and(
        eq(controllers.isOnline, true),
        sql`${controllers.lastHeartbeatAt} < now() - ${silentMs} * interval '1 millisecond'`,
      ),
    )
    .returning();
}

export const listControllers = (db: Db): Promise<ControllerRow[]> =>
  db.select().from(controllers).orderBy(asc(controllers.name)).limit(1_000);
