import { and, eq, inArray, lt, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { loginAddresses, loginFailures } from "../../database/schema/index.ts";

/** Failures are forgotten after a day without another. */
const forgottenAfter = sql`interval '1 day'`;

export interface Failures {
  key: string;
  failures: number;
  /** Since the last of them. */
  secondsAgo: number;
}

/** What was counted under the keys, each locked until the transaction ends; none is left out. */
export async function lockFailures(tx: Tx, keys: readonly string[]): Promise<Failures[]> {
  const sorted = [...keys].toSorted();
  await tx
    .insert(loginFailures)
    .values(sorted.map((key) => ({ key, failures: 0 })))
    .onConflictDoNothing();
  return await tx
    .select({
      key: loginFailures.key,
      failures: sql<number>`case when ${loginFailures.lastFailedAt} > now() - ${forgottenAfter} then ${loginFailures.failures} else 0 end`,
      secondsAgo: sql<number>`extract(epoch from clock_timestamp() - ${loginFailures.lastFailedAt})::float8`,
    })
    .from(loginFailures)
    .where(inArray(loginFailures.key, sorted))
    .orderBy(loginFailures.key)
    .for("update");
}

/** Counts one more under each key. */
export async function addFailure(tx: Tx, keys: readonly string[]): Promise<void> {
  await tx
    .update(loginFailures)
    .set({
      failures: sql`case when ${loginFailures.lastFailedAt} > now() - ${forgottenAfter} then ${loginFailures.failures} + 1 else 1 end`,
      lastFailedAt: sql`clock_timestamp()`,
    })
    .where(inArray(loginFailures.key, [...keys]));
}

/** Counts one less under the key. */
export async function takeBackFailure(db: Db, key: string): Promise<void> {
  await db
    .update(loginFailures)
    .set({ failures: sql`greatest(0, ${loginFailures.failures} - 1)` })
    .where(eq(loginFailures.key, key));
}

export async function forgetFailures(db: Db, keys: readonly string[]): Promise<void> {
  await db.delete(loginFailures).where(inArray(loginFailures.key, [...keys]));
}

/** Notes that the user signed in from there. */
export async function noteAddress(db: Db, userId: string, addressBlock: string): Promise<void> {
  await db
    .insert(loginAddresses)
    .values({ userId, addressBlock })
    .onConflictDoUpdate({
      target: [loginAddresses.userId, loginAddresses.addressBlock],
      set: { lastUsedAt: sql`now()` },
    });
}

/** Whether the user signed in from there within the last ninety days. */
export async function isKnownAddress(db: Db, userId: string, addressBlock: string): Promise<boolean> {
  const found = await db
    .select({ userId: loginAddresses.userId })
    .from(loginAddresses)
    .where(
      and(
        eq(loginAddresses.userId, userId),
        eq(loginAddresses.addressBlock, addressBlock),
        sql`${loginAddresses.lastUsedAt} > now() - interval '90 days'`,
      ),
    );
  return found.length > 0;
}

/** Deletes what no longer counts. @returns how many rows */
export async function deleteOldFailures(db: Db): Promise<number> {
  const failures = await db
    .delete(loginFailures)
    .where(lt(loginFailures.lastFailedAt, sql`now() - ${forgottenAfter}`));
  const addresses = await db
    .delete(loginAddresses)
    .where(lt(loginAddresses.lastUsedAt, sql`now() - interval '90 days'`));
  return (failures.rowCount ?? 0) + (addresses.rowCount ?? 0);
}
