import { and, eq, inArray, lt, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { loginAddresses, loginFailures } from "../../database/schema/index.ts";

/** Failures are forgotten after a day without another. */
const forgottenAfter = sql`interval '1 day'`;

export interface Failures {
  key: string;
  failures: number;
  /** Since the last of them. */
  secondsAgo: number;
}

export async function readFailures(db: Db, keys: readonly string[]): Promise<Failures[]> {
  return await db
    .select({
      key: loginFailures.key,
      failures: loginFailures.failures,
      secondsAgo: sql<number>`extract(epoch from clock_timestamp() - ${loginFailures.lastFailedAt})::float8`,
    })
    .from(loginFailures)
    .where(
      and(
        inArray(loginFailures.key, [...keys]),
        sql`${loginFailures.lastFailedAt} > now() - ${forgottenAfter}`,
      ),
    );
}

/** Counts one more under each key. @returns the counts */
export async function addFailure(db: Db, keys: readonly string[]): Promise<Omit<Failures, "secondsAgo">[]> {
  return await db
    .insert(loginFailures)
    .values([...keys].toSorted().map((key) => ({ key, failures: 1, lastFailedAt: sql`clock_timestamp()` })))
    .onConflictDoUpdate({
      target: loginFailures.key,
      set: {
        failures: sql`case when ${loginFailures.lastFailedAt} > now() - ${forgottenAfter} then ${loginFailures.failures} + 1 else 1 end`,
        lastFailedAt: sql`clock_timestamp()`,
      },
    })
    .returning({ key: loginFailures.key, failures: loginFailures.failures });
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
