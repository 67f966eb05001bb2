import type { Precedent, PrecedentQuery } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, desc, eq, ilike, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { lockKey } from "../../database/key-lock.ts";
import { precedents } from "../../database/schema/index.ts";
import { escapeLike } from "../../database/words.ts";
import { findPersonName, personNameOf } from "./person.repository.ts";
import type { RequestRow } from "./request-row.repository.ts";

export type PrecedentRow = typeof precedents.$inferSelect;

const viewOf = (db: Db | Tx) =>
  db
    .select({
      row: precedents,
      answeredBy: personNameOf(precedents.answeredBy),
      revokedBy: personNameOf(precedents.revokedBy),
    })
    .from(precedents);

interface View {
  row: PrecedentRow;
  answeredBy: string;
  revokedBy: string;
}

const toPrecedent = ({ row, answeredBy, revokedBy }: View): Precedent => ({
  id: row.id,
  repositoryId: row.repositoryId,
  kind: row.kind,
  question: row.question,
  options: row.options,
  choice: row.choice,
  text: row.text,
  workerRequestId: row.workerRequestId,
  answeredBy,
  uses: row.uses,
  createdAt: row.createdAt.toISOString(),
  revokedAt: row.revokedAt?.toISOString() ?? null,
  revokedBy,
});

/** Keeps a person's answer for the next time; it takes the place of an earlier one. */
export async function keepPrecedent(tx: Tx, row: RequestRow, userId: string): Promise<void> {
  // Two people may answer the same question of two tasks at once: one after the other, so that each takes the place of the one before.
  await lockKey(tx, "precedents", `${row.repositoryId} ${row.fingerprint}`);
  await tx
    .update(precedents)
    .set({ revokedAt: sql`now()`, revokedBy: userId })
    .where(
      and(
        eq(precedents.repositoryId, row.repositoryId),
        eq(precedents.fingerprint, row.fingerprint),
        isNull(precedents.revokedAt),
      ),
    );
  await tx.insert(precedents).values({
    id: newId(),
    repositoryId: row.repositoryId,
    kind: row.kind,
    fingerprint: row.fingerprint,
    question: row.question,
    options: row.options,
    choice: row.choice,
    text: row.answerText,
    workerRequestId: row.id,
    answeredBy: userId,
  });
}

/** The answer that settles a question of the repository, counted as used. */
export async function usePrecedent(
  tx: Tx,
  repositoryId: string,
  fingerprint: string,
): Promise<(PrecedentRow & { person: string }) | undefined> {
  const [used] = await tx
    .update(precedents)
    .set({ uses: sql`${precedents.uses} + 1` })
    .where(
      and(
        eq(precedents.repositoryId, repositoryId),
        eq(precedents.fingerprint, fingerprint),
        isNull(precedents.revokedAt),
      ),
    )
    .returning();
  if (used === undefined) return undefined;
  return { ...used, person: await findPersonName(tx, used.answeredBy) };
}

/** Those of the ids that are live answers of the repository. */
export async function findLivePrecedents(
  tx: Tx,
  repositoryId: string,
  ids: readonly string[],
): Promise<PrecedentRow[]> {
  if (ids.length === 0) return [];
  return await tx
    .select()
    .from(precedents)
    .where(
      and(
        eq(precedents.repositoryId, repositoryId),
        inArray(precedents.id, [...ids]),
        isNull(precedents.revokedAt),
      ),
    );
}

const alikeMax = 5;

/** Live answers of the repository that share words with a question, the most alike first. */
export async function findAlike(db: Db, repositoryId: string, question: string): Promise<Precedent[]> {
  // Words joined by "or": a question need not repeat all of them.
  const words = sql`replace(plainto_tsquery('simple', left(${question}, 2000))::text, '&', '|')::tsquery`;
  const rank = sql`ts_rank(to_tsvector('simple', ${precedents.question} || ' ' || ${precedents.text}), ${words})`;
  const rows = await viewOf(db)
    .where(and(eq(precedents.repositoryId, repositoryId), isNull(precedents.revokedAt), sql`${rank} > 0`))
    .orderBy(desc(rank), desc(precedents.createdAt))
    .limit(alikeMax);
  return rows.map(toPrecedent);
}

export async function listPrecedents(db: Db, query: PrecedentQuery): Promise<Page<Precedent>> {
  const { page, pageSize, repositoryId, isRevoked, search } = query;
  const where = and(
    repositoryId === undefined ? undefined : eq(precedents.repositoryId, repositoryId),
    isRevoked === undefined
      ? undefined
      : isRevoked
        ? isNotNull(precedents.revokedAt)
        : isNull(precedents.revokedAt),
    search === undefined || search.trim() === ""
      ? undefined
      : ilike(precedents.question, `%${escapeLike(search.trim())}%`),
  );
  const rows = await viewOf(db)
    .where(where)
    .orderBy(desc(precedents.createdAt), desc(precedents.id))
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  return { items: rows.map(toPrecedent), ...(await countUpTo(db, precedents, where)) };
}

/** Lets a precedent settle nothing any more; one that is revoked stays as it is. Undefined when there is none. */
export async function revokePrecedent(
  db: Db | Tx,
  id: string,
  userId: string,
): Promise<Precedent | undefined> {
  await db
    .update(precedents)
    .set({ revokedAt: sql`now()`, revokedBy: userId })
    .where(and(eq(precedents.id, id), isNull(precedents.revokedAt)));
  const [view] = await viewOf(db).where(eq(precedents.id, id));
  return view && toPrecedent(view);
}
