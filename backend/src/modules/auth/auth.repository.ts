import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { settings, users } from "../../database/schema/index.ts";

const secretKey = "installation.secret";

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

/** The installation's secret, 32 bytes in hexadecimal, shared by all its backends; made once. */
export async function ensureInstallationSecret(db: Db): Promise<string> {
  await db
    .insert(settings)
    .values({ key: secretKey, value: randomBytes(32).toString("hex") })
    .onConflictDoNothing();
  const [row] = await db.select({ value: settings.value }).from(settings).where(eq(settings.key, secretKey));
  if (typeof row?.value !== "string") {
    throw new Error("the installation's secret is missing");
  }
  return row.value;
}
