import { eq } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { users } from "../../database/schema/index.ts";

/** The owner: the one user of local mode, who may have become the first administrator since. Made when there is none. Returns the id. */
export async function ensureLocalUser(db: Db): Promise<string> {
  await db
    .insert(users)
    .values({
      username: "local",
      email: "local@localhost",
      fullName: "Local user",
      role: "admin",
      isVerified: true,
      isOwner: true,
    })
    .onConflictDoNothing();
  const [row] = await db.select({ id: users.id }).from(users).where(eq(users.isOwner, true));
  if (row === undefined) {
    throw new Error("the owner is missing");
  }
  return row.id;
}
