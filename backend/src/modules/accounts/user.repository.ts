import type { Role, UserSettings } from "@agentvine/contracts";
import { and, asc, eq, ilike, isNull, ne, or, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { users } from "../../database/schema/index.ts";
import { escapeLike } from "../../database/words.ts";

export type UserRow = typeof users.$inferSelect;

export interface NewUser {
  username: string;
  email: string;
  fullName: string;
  hashedPassword: string;
  role: Role;
  isVerified: boolean;
}

/** Undefined when the name or the address is taken. */
export async function insertUser(tx: Tx, user: NewUser): Promise<UserRow | undefined> {
  const [row] = await tx.insert(users).values(user).onConflictDoNothing().returning();
  return row;
}

/**
 * Makes the owner, who was the only user of local mode, the first administrator. Undefined when there is one already.
 * @throws the driver's unique violation when another account has the name or the address
 */
export async function claimOwner(
  tx: Tx,
  { username, email, fullName, hashedPassword }: Omit<NewUser, "role" | "isVerified">,
): Promise<UserRow | undefined> {
  const [row] = await tx
    .update(users)
    .set({
      ...{ username, email, fullName, hashedPassword, role: "admin", isVerified: true, isActive: true },
      updatedAt: sql`now()`,
    })
    .where(and(eq(users.isOwner, true), isNull(users.hashedPassword)))
    .returning();
  return row;
}

/** Whether the first administrator has made the account theirs. */
export async function isOwnerClaimed(db: Db | Tx): Promise<boolean> {
  const found = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.isOwner, true), sql`${users.hashedPassword} is not null`));
  return found.length > 0;
}

export async function findUser(db: Db | Tx, id: string): Promise<UserRow | undefined> {
  const [row] = await db.select().from(users).where(eq(users.id, id));
  return row;
}

/** By name or e-mail address, in lower case. */
export async function findByIdentifier(db: Db | Tx, identifier: string): Promise<UserRow | undefined> {
  const column = identifier.includes("@") ? users.email : users.username;
  const [row] = await db.select().from(users).where(eq(column, identifier));
  return row;
}

export async function lockUser(tx: Tx, id: string): Promise<UserRow | undefined> {
  const [row] = await tx.select().from(users).where(eq(users.id, id)).for("update");
  return row;
}

/** Changes a user. False when the name or the address is taken meanwhile. */
export async function updateUser(
  tx: Tx,
  id: string,
  change: Partial<
    Pick<UserRow, "email" | "fullName" | "hashedPassword" | "role" | "isActive" | "isVerified"> & {
      settings: UserSettings;
    }
  >,
): Promise<UserRow | undefined> {
  const [row] = await tx
    .update(users)
    .set({ ...change, updatedAt: sql`now()` })
    .where(eq(users.id, id))
    .returning();
  return row;
}

export async function noteLogin(tx: Tx, id: string): Promise<void> {
  await tx.update(users).set({ lastLoginAt: sql`now()` }).where(eq(users.id, id));
}

/** How many active administrators there are besides this user; all of them locked, so that two can't leave at once. */
export async function countOtherAdmins(tx: Tx, id: string): Promise<number> {
  const rows = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, "admin"), eq(users.isActive, true), ne(users.id, id)))
    .orderBy(users.id)
    .for("update");
  return rows.length;
}

export async function listUsers(
  db: Db,
  { text, page, pageSize }: { text?: string | undefined; page: number; pageSize: number },
): Promise<Page<UserRow>> {
  const pattern = `%${escapeLike(text ?? "")}%`;
  const where =
    text === undefined
      ? undefined
      : or(ilike(users.username, pattern), ilike(users.email, pattern), ilike(users.fullName, pattern));
  const [items, total] = await Promise.all([
    db
      .select()
      .from(users)
      .where(where)
      .orderBy(asc(users.username))
      .limit(pageSize)
      .offset((page - 1) * pageSize),
    countUpTo(db, users, where),
  ]);
  return { items, ...total };
}

/** Whether somebody has shown that the account is theirs, or has used it. */
export const isProven = ({ isVerified, lastLoginAt, isOwner }: UserRow): boolean =>
  isVerified || lastLoginAt !== null || isOwner;

const isUnproven = and(eq(users.isVerified, false), isNull(users.lastLoginAt), eq(users.isOwner, false));

/** Deletes accounts under that name or address that nobody has shown to be theirs. */
export async function deleteUnverified(
  tx: Tx,
  { email, username }: { email: string; username: string },
): Promise<void> {
  await tx.delete(users).where(and(isUnproven, or(eq(users.email, email), eq(users.username, username))));
}

/** Deletes accounts that nobody has shown to be theirs within so many days. @returns how many */
export async function deleteOldUnverified(db: Db, days: number): Promise<number> {
  const { rowCount } = await db
    .delete(users)
    .where(and(isUnproven, sql`${users.createdAt} < now() - ${days} * interval '1 day'`));
  return rowCount ?? 0;
}
