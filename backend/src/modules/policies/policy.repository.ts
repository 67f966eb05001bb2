import type { PolicyRules } from "@agentvine/contracts";
import { and, desc, eq, inArray } from "drizzle-orm";
import { countUpTo, type Total } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { policies, users } from "../../database/schema/index.ts";
import { policyChannel } from "./policy.ts";

export type PolicyRow = typeof policies.$inferSelect & { authorName: string | null };

export interface NewPolicy {
  version: number;
  yaml: string;
  rules: PolicyRules;
  authorId: string | null;
  comment: string;
  basedOnVersion: number | null;
  restoresVersion: number | null;
}

const selectRows = (db: Db | Tx) =>
  db
    .select({ policy: policies, authorName: users.username })
    .from(policies)
    .leftJoin(users, eq(users.id, policies.authorId));

const toRow = ({
  policy,
  authorName,
}: {
  policy: typeof policies.$inferSelect;
  authorName: string | null;
}): PolicyRow => ({
  ...policy,
  authorName,
});

const activeVersion: Statement = {
  name: "active-policy-version",
  text: "select version from policies where is_active",
};

/** The number of the active version; undefined before the first start. */
export async function findActiveVersion(db: Db | Tx): Promise<number | undefined> {
  const [row] = await runPrepared<{ version: number }>(db, activeVersion, []);
  return row?.version;
}

export async function findPolicy(db: Db | Tx, version: number): Promise<PolicyRow | undefined> {
  const [row] = await selectRows(db).where(eq(policies.version, version));
  return row && toRow(row);
}

export async function findActivePolicy(db: Db | Tx): Promise<PolicyRow | undefined> {
  const [row] = await selectRows(db).where(eq(policies.isActive, true));
  return row && toRow(row);
}

export async function listPolicies(
  db: Db,
  { page, pageSize }: { page: number; pageSize: number },
): Promise<Total & { rows: PolicyRow[] }> {
  const rows = await selectRows(db)
    .orderBy(desc(policies.version))
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  return { rows: rows.map(toRow), ...(await countUpTo(db, policies, undefined)) };
}

/** The active version, locked until the transaction ends: who changes the policy waits for whoever does so now. */
export async function lockActiveVersion(tx: Tx): Promise<number | undefined> {
  const [row] = await tx
    .select({ version: policies.version })
    .from(policies)
    .where(eq(policies.isActive, true))
    .for("update");
  return row?.version;
}

/** Writes the first version unless there is one; true when it was written. */
export async function insertFirstPolicy(tx: Tx, policy: NewPolicy): Promise<boolean> {
  const rows = await tx
    .insert(policies)
    .values({ ...policy, isActive: true })
    .onConflictDoNothing()
    .returning({ version: policies.version });
  return rows.length > 0;
}

/** Makes the new version the active one in place of the one that was. */
export async function replaceActivePolicy(tx: Tx, before: number, policy: NewPolicy): Promise<void> {
  await tx.update(policies).set({ isActive: false }).where(eq(policies.version, before));
  await tx.insert(policies).values({ ...policy, isActive: true });
}

/** Lets every process know that another version is active, once that is committed. */
export function announcePolicy(tx: Tx): void {
  notify(tx, policyChannel);
}

/** Those of the user names that belong to somebody active. */
export async function findActiveUsernames(tx: Tx, usernames: readonly string[]): Promise<Set<string>> {
  if (usernames.length === 0) return new Set();
  const found = await tx
    .select({ username: users.username })
    .from(users)
    .where(and(inArray(users.username, [...usernames]), eq(users.isActive, true)));
  return new Set(found.map(({ username }) => username));
}
