import type { RepositorySettings } from "@agentvine/contracts";
import { asc, count, eq, ilike, or, sql } from "drizzle-orm";
import { countUpTo, type Total } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { shapeOf } from "../../database/row-shape.ts";
import { repositories, tasks } from "../../database/schema/index.ts";
import { escapeLike } from "../../database/words.ts";

export type RepositoryRow = typeof repositories.$inferSelect;

export interface NewRepository {
  canonicalKey: string;
  url: string;
  name: string;
  defaultBranch: string | null;
  settings: RepositorySettings;
}

/** Inserts the repository unless its key is known. Two that register the same one at once get the same row. */
export async function ensureRepositoryRow(
  tx: Tx,
  repository: NewRepository,
): Promise<{ row: RepositoryRow; isNew: boolean }> {
  // A third round would take two deletions in between.
  for (let round = 1; round <= 3; round += 1) {
    const [inserted] = await tx
      .insert(repositories)
      .values(repository)
      .onConflictDoNothing({ target: repositories.canonicalKey })
      .returning();
    if (inserted !== undefined) {
      return { row: inserted, isNew: true };
    }
    // Locked: it can't be deleted before the caller's transaction refers to it.
    const [row] = await tx
      .select()
      .from(repositories)
      .where(eq(repositories.canonicalKey, repository.canonicalKey))
      .for("key share");
    if (row !== undefined) {
      return { row, isNew: false };
    }
  }
  throw new Error("the repository is deleted again and again");
}

/** How prepared statements read repositories. */
const repositoryShape = shapeOf(repositories);

const byId: Statement = {
  name: "find-repository",
  text: `select ${repositoryShape.columns("r")} from repositories r where r.id = $1`,
};

export async function findRepository(db: Db | Tx, id: string): Promise<RepositoryRow | undefined> {
  const [row] = await runPrepared(db, byId, [id]);
  return row && repositoryShape.read(row);
}

const byKey: Statement = {
  name: "find-repository-by-key",
  text: `select ${repositoryShape.columns("r")} from repositories r where r.canonical_key = $1`,
};

export async function findRepositoryByKey(
  db: Db | Tx,
  canonicalKey: string,
): Promise<RepositoryRow | undefined> {
  const [row] = await runPrepared(db, byKey, [canonicalKey]);
  return row && repositoryShape.read(row);
}

export async function listRepositories(
  db: Db,
  { page, pageSize, search }: { page: number; pageSize: number; search?: string | undefined },
): Promise<Total & { rows: RepositoryRow[] }> {
  const pattern = `%${escapeLike(search ?? "")}%`;
  const where =
    search === undefined || search === ""
      ? undefined
      : or(ilike(repositories.name, pattern), ilike(repositories.url, pattern));
  const rows = await db
    .select()
    .from(repositories)
    .where(where)
    .orderBy(asc(repositories.name), asc(repositories.id))
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  return { rows, ...(await countUpTo(db, repositories, where)) };
}

export async function updateRepositoryRow(
  tx: Tx,
  id: string,
  change: Partial<Pick<RepositoryRow, "name" | "defaultBranch" | "settings">>,
): Promise<RepositoryRow | undefined> {
  const [row] = await tx
    .update(repositories)
    .set({ ...change, updatedAt: sql`now()` })
    .where(eq(repositories.id, id))
    .returning();
  return row;
}

/** The row, locked until the transaction ends. */
export async function lockRepository(tx: Tx, id: string): Promise<RepositoryRow | undefined> {
  const [row] = await tx.select().from(repositories).where(eq(repositories.id, id)).for("update");
  return row;
}

/** How many tasks refer to the repository. */
export async function countTasksOf(tx: Tx, id: string): Promise<number> {
  const [row] = await tx.select({ value: count() }).from(tasks).where(eq(tasks.repositoryId, id));
  return row?.value ?? 0;
}

export async function deleteRepositoryRow(tx: Tx, id: string): Promise<void> {
  await tx.delete(repositories).where(eq(repositories.id, id));
}
