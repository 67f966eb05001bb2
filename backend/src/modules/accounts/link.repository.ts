import type { Role } from "@agentvine/contracts";
import { and, eq, gt, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { type AuthTokenPurpose, authTokens } from "../../database/schema/index.ts";

export type LinkRow = typeof authTokens.$inferSelect;

export interface NewLink {
  purpose: AuthTokenPurpose;
  tokenHash: string;
  userId?: string;
  email?: string;
  role?: Role;
  createdBy?: string;
  minutes: number;
}

/** Keeps a link. @returns when it ends */
export async function insertLink(tx: Db | Tx, { minutes, ...link }: NewLink): Promise<Date> {
  const [row] = await tx
    .insert(authTokens)
    .values({ ...link, expiresAt: sql`now() + ${minutes} * interval '1 minute'` as unknown as Date })
    .returning({ expiresAt: authTokens.expiresAt });
  if (row === undefined) throw new Error("the insert returned no row");
  return row.expiresAt;
}

/** Deletes the unused links of that purpose for a user, or for an address that has no user yet. */
export async function deleteUnusedLinks(
  tx: Tx,
  purpose: AuthTokenPurpose,
  whose: { userId: string } | { email: string },
): Promise<void> {
  await tx
    .delete(authTokens)
    .where(
      and(
        eq(authTokens.purpose, purpose),
        isNull(authTokens.usedAt),
        "userId" in whose ? eq(authTokens.userId, whose.userId) : eq(authTokens.email, whose.email),
      ),
    );
}

/** Uses a link up. Undefined when there is none such that is unused and not too old. */
export async function takeLink(
  tx: Tx,
  purpose: AuthTokenPurpose,
  tokenHash: string,
): Promise<LinkRow | undefined> {
  const [row] = await tx
    .update(authTokens)
    .set({ usedAt: sql`now()` })
    .where(
      and(
        eq(authTokens.purpose, purpose),
        eq(authTokens.tokenHash, tokenHash),
        isNull(authTokens.usedAt),
        gt(authTokens.expiresAt, sql`now()`),
      ),
    )
    .returning();
  return row;
}

/** The address that waits for a user's verification and is not the user's yet. */
export async function findPendingEmail(db: Db | Tx, userId: string, email: string): Promise<string | null> {
  const rows = await db
    .select({ email: authTokens.email })
    .from(authTokens)
    .where(
      and(
        eq(authTokens.purpose, "verify_email"),
        eq(authTokens.userId, userId),
        isNull(authTokens.usedAt),
        gt(authTokens.expiresAt, sql`now()`),
      ),
    );
  return rows.find((row) => row.email !== email)?.email ?? null;
}

/** Deletes links that were used or ended so long ago. @returns how many */
export async function deleteOldLinks(db: Db, days: number): Promise<number> {
  const { rowCount } = await db.execute(
    sql`delete from auth_tokens where least(used_at, expires_at) < now() - ${days} * interval '1 day'`,
  );
  return rowCount ?? 0;
}
