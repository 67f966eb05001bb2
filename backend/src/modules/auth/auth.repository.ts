import { eq } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { users } from "../../database/schema/index.ts";

/** The one user of local mode; made when it does not exist yet. Returns its id. */
export async function ensureLocalUser(db: Db): Promise<string> {
  await db
    .insert(users)
    .values({
      username: "local",
      email: "local@localhost",
      fullName: "Local user",
      role: "admin",
      isVerified: true,
    })
    .onConflictDoNothing();
  const [row] = await db.select({ id: users.id }).from(users).where(eq(users.username, "local"));
  if (row === undefined) {
    throw new Error("the local user is missing");
  }
  return row.id;
}
