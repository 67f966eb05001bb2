import { sql } from "drizzle-orm";
import type { Tx } from "./client.ts";

/** What keys name, as the seed of their hash: equal keys of two kinds are two locks. A number stays with its kind for ever. */
const seedOf = { dependencies: 0, documents: 0, workerCommands: 7, precedents: 11, masterKeys: 13 } as const;

/** Waits for others that hold this key, and holds it until the transaction ends. For what there is no row to lock of. */
export async function lockKey(tx: Tx, kind: keyof typeof seedOf, key: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${key}, ${seedOf[kind]}))`);
}
