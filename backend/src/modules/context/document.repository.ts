import type {
  ContextDocument,
  ContextDocumentCreate,
  ContextDocumentQuery,
  ContextDocumentSummary,
  ContextVersion,
} from "@agentvine/contracts";
import { and, arrayContains, asc, desc, eq, inArray, isNull, or, type SQL, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { lockKey } from "../../database/key-lock.ts";
import { contextDocuments, contextDocumentVersions } from "../../database/schema/index.ts";
import { searchOf, withWordsApart } from "../../database/words.ts";
import { storableText } from "../../storable-json.ts";

/** What a version says. */
export type DocumentText = ContextDocumentCreate;

const versionColumns = {
  title: contextDocumentVersions.title,
  type: contextDocumentVersions.documentType,
  content: contextDocumentVersions.content,
  tags: contextDocumentVersions.tags,
  repositoryId: contextDocumentVersions.repositoryId,
  status: contextDocumentVersions.status,
  version: contextDocumentVersions.version,
  author: contextDocumentVersions.createdBy,
};

const columns = {
  id: contextDocuments.id,
  title: contextDocuments.title,
  type: contextDocuments.documentType,
  tags: contextDocuments.tags,
  repositoryId: contextDocuments.repositoryId,
  status: contextDocuments.status,
  version: contextDocuments.version,
  author: contextDocuments.createdBy,
  createdAt: contextDocuments.createdAt,
  updatedAt: contextDocuments.updatedAt,
};

const withMoments = <T extends { createdAt: Date; updatedAt: Date }>(row: T) => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** The words of a document by weight: title, then tags, then text. */
function vectorOf(config: "simple" | "english", { title, tags, content }: DocumentText): SQL<string> {
  const part = (text: string, weight: string) =>
    // security: no-raw-sql-of-values because configuration and weight are words of this file
    sql`setweight(to_tsvector(${sql.raw(`'${config}'`)}, ${withWordsApart(text)}), ${sql.raw(`'${weight}'`)})`;
  return sql`${part(title, "A")} || ${part(tags.join(" "), "B")} || ${part(content, "D")}`;
}

const rowOf = (text: DocumentText, author: string) => ({
  title: storableText(text.title),
  documentType: text.type,
  content: storableText(text.content),
  tags: text.tags,
  repositoryId: text.repositoryId,
  status: text.status,
  createdBy: author,
});

async function insertVersion(tx: Tx, documentId: string, version: number, row: ReturnType<typeof rowOf>) {
  await tx.insert(contextDocumentVersions).values({ ...row, documentId, version });
}

/** Whoever makes a document of this id waits for others that do, until the transaction ends. */
export async function lockDocumentId(tx: Tx, id: string): Promise<void> {
  await lockKey(tx, "documents", id);
}

/** Writes a new document with its first version. */
export async function insertDocument(tx: Tx, id: string, text: DocumentText, author: string): Promise<void> {
  const row = rowOf(text, author);
  await tx
    .insert(contextDocuments)
    .values({ id, ...row, words: vectorOf("simple", text), terms: vectorOf("english", text) });
  await insertVersion(tx, id, 1, row);
}

/** Makes the next version of a document. False when it is not of that version (any more). */
export async function updateDocument(
  tx: Tx,
  { id, version }: { id: string; version: number },
  text: DocumentText,
  author: string,
): Promise<boolean> {
  const row = rowOf(text, author);
  const changed = await tx
    .update(contextDocuments)
    .set({
      ...row,
      version: version + 1,
      updatedAt: sql`now()`,
      words: vectorOf("simple", text),
      terms: vectorOf("english", text),
    })
    .where(and(eq(contextDocuments.id, id), eq(contextDocuments.version, version)))
    .returning({ id: contextDocuments.id });
  if (changed.length === 0) return false;
  await insertVersion(tx, id, version + 1, row);
  return true;
}

/** A document as it is, or as a version was. */
export async function findDocument(
  db: Db | Tx,
  id: string,
  version?: number,
): Promise<ContextDocument | undefined> {
  const [row] = await db
    .select({ ...columns, content: contextDocuments.content })
    .from(contextDocuments)
    .where(eq(contextDocuments.id, id));
  if (row === undefined || version === undefined || version === row.version) return row && withMoments(row);
  const [old] = await db
    .select({ ...versionColumns, updatedAt: contextDocumentVersions.createdAt })
    .from(contextDocumentVersions)
    .where(and(eq(contextDocumentVersions.documentId, id), eq(contextDocumentVersions.version, version)));
  return old && withMoments({ id, ...old, createdAt: row.createdAt });
}

/** Versions of a document, newest first. */
export async function listVersions(db: Db, documentId: string): Promise<ContextVersion[]> {
  const { title, status, tags, version, author } = versionColumns;
  const rows = await db
    .select({ title, status, tags, version, author, createdAt: contextDocumentVersions.createdAt })
    .from(contextDocumentVersions)
    .where(eq(contextDocumentVersions.documentId, documentId))
    .orderBy(desc(contextDocumentVersions.version))
    .limit(1_000);
  return rows.map((row) => ({ documentId, ...row, createdAt: row.createdAt.toISOString() }));
}

/** For a repository, or for every one. */
export const seenBy = (repositoryId: string): SQL | undefined =>
  or(isNull(contextDocuments.repositoryId), eq(contextDocuments.repositoryId, repositoryId));

/** A page of documents; without a status the archived ones are left out. */
export async function listDocuments(
  db: Db,
  query: ContextDocumentQuery,
): Promise<Page<ContextDocumentSummary>> {
  const wanted = searchOf(storableText(query.search ?? ""));
  const search = wanted === "" ? undefined : sql`to_tsquery('simple', ${wanted})`;
  const where = and(
    search && sql`${contextDocuments.words} @@ ${search}`,
    query.type && inArray(contextDocuments.documentType, query.type),
    inArray(contextDocuments.status, query.status ?? ["active", "proposed"]),
    query.tag === undefined ? undefined : arrayContains(contextDocuments.tags, [query.tag]),
    query.repositoryId === undefined ? undefined : seenBy(query.repositoryId),
  );
  const direction = query.order === "asc" ? asc : desc;
  const ids = db
    .select({ id: contextDocuments.id })
    .from(contextDocuments)
    .where(where)
    .orderBy(
      ...(search === undefined ? [] : [sql`ts_rank(${contextDocuments.words}, ${search}) desc`]),
      direction(contextDocuments.updatedAt),
      direction(contextDocuments.id),
    )
    .limit(query.pageSize)
    .offset((query.page - 1) * query.pageSize)
    .as("page");
  const excerpt =
    search === undefined
      ? sql<string>`left(${contextDocuments.content}, 300)`
      : sql<string>`ts_headline('simple', ${contextDocuments.content}, ${search}, ${headlineOptions})`;
  const rows = await db
    .select({ ...columns, excerpt })
    .from(contextDocuments)
    .innerJoin(ids, eq(ids.id, contextDocuments.id))
    .orderBy(
      ...(search === undefined ? [] : [sql`ts_rank(${contextDocuments.words}, ${search}) desc`]),
      direction(contextDocuments.updatedAt),
      direction(contextDocuments.id),
    );
  return { items: rows.map(withMoments), ...(await countUpTo(db, contextDocuments, where)) };
}

/** Pieces around what was found, as plain text. */
export const headlineOptions = 'StartSel="", StopSel="", MaxFragments=3, MaxWords=40, MinWords=10';

/** Tags of active documents. */
export async function listTags(db: Db): Promise<{ tag: string; documents: number }[]> {
  const { rows } = await db.execute<{ tag: string; documents: number }>(sql`
    select tag, count(*)::int as documents from context_documents, unnest(tags) as tag
    where status = 'active' group by tag order by count(*) desc, tag limit 1000`);
  return rows;
}
