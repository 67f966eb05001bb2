import type { DocumentForAttempt, DocumentPage } from "@agentvine/contracts";
import { and, eq, inArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { contextDocuments } from "../../database/schema/index.ts";
import { seenBy } from "./document.repository.ts";

/** A page of an active document that a repository may see. Characters are counted as PostgreSQL does, so that no page cuts one. */
export async function findPage(
  db: Db | Tx,
  repositoryId: string,
  { documentId, offset, charactersMax }: Omit<DocumentForAttempt, "workOrderId" | "attempt">,
): Promise<DocumentPage | undefined> {
  const [row] = await db
    .select({
      documentId: contextDocuments.id,
      version: contextDocuments.version,
      title: contextDocuments.title,
      type: contextDocuments.documentType,
      content: sql<string>`substr(${contextDocuments.content}, ${offset + 1}::int, ${charactersMax}::int)`,
      characters: sql<number>`length(${contextDocuments.content})`,
    })
    .from(contextDocuments)
    .where(
      and(eq(contextDocuments.id, documentId), eq(contextDocuments.status, "active"), seenBy(repositoryId)),
    );
  if (row === undefined) return undefined;
  const end = offset + charactersMax;
  return { ...row, offset, nextOffset: end < row.characters ? end : null };
}

/** The texts of documents by their ids, where they still are of that version. */
export async function readTexts(
  db: Db | Tx,
  documents: readonly Pick<DocumentPage, "documentId" | "version">[],
): Promise<Map<string, string>> {
  if (documents.length === 0) return new Map();
  const versions = new Map(documents.map(({ documentId, version }) => [documentId, version]));
  const rows = await db
    .select({
      id: contextDocuments.id,
      version: contextDocuments.version,
      content: contextDocuments.content,
    })
    .from(contextDocuments)
    .where(inArray(contextDocuments.id, [...versions.keys()]));
  return new Map(
    rows.flatMap(({ id, version, content }) => (versions.get(id) === version ? [[id, content]] : [])),
  );
}
