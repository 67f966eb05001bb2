import { type AnyColumn, and, eq, sql } from "drizzle-orm";
import type { Tx } from "../../database/client.ts";
import { personNameSql } from "../../database/person-name.ts";
import { users } from "../../database/schema/index.ts";

/** What the person of a column is called; empty when it is nobody. */
export const personNameOf = (column: AnyColumn) =>
  sql<string>`coalesce((select ${personNameSql("u")} from users u where u.id = ${column}), '')`;

/** What a person is called. */
export async function findPersonName(tx: Tx, userId: string): Promise<string> {
  const [row] = await tx
    .select({ name: sql<string>`${personNameSql("users")}` })
    .from(users)
    .where(eq(users.id, userId));
  return row?.name ?? "somebody";
}

export async function isActivePerson(tx: Tx, userId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, userId), eq(users.isActive, true)));
  return rows.length > 0;
}

/** The id of the person of that user name; undefined when nobody active is called so. */
export async function findActivePerson(tx: Tx, username: string): Promise<string | undefined> {
  const [row] = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.username, username), eq(users.isActive, true)));
  return row?.id;
}
