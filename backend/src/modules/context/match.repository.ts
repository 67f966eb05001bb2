import type { AttemptDocumentMatch } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { withWordsApart } from "../../database/words.ts";
import { storableText } from "../../storable-json.ts";
import { headlineOptions } from "./document.repository.ts";

/** What documents are looked for. */
export interface MatchFor {
  repositoryId: string;
  /** Tags that fit: the task's labels and type. */
  tags: readonly string[];
  text: string;
  limit: number;
}

/** With the length of its whole text. */
export type FoundDocument = Omit<AttemptDocumentMatch, "content">;

const wordsMax = 200;

/** Any of the words, as `to_tsquery` takes it. */
const anyOf = (text: string): string =>
  [
    ...new Set(
      withWordsApart(storableText(text))
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word.length > 1),
    ),
  ]
    .slice(0, wordsMax)
    .map((word) => `'${word}'`)
    .join(" | ");

/**
 * Active documents that share words or tags with what is looked for, and that the repository may see; best first. A document of the
 * repository itself comes before an equal one for all.
 */
export async function findMatches(
  db: Db | Tx,
  { repositoryId, tags, text, limit }: MatchFor,
): Promise<FoundDocument[]> {
  const wanted = anyOf(text);
  const { rows } = await db.execute<Record<keyof FoundDocument, never>>(sql`
    with wanted as (select to_tsquery('english', ${wanted}) as query),
    found as (
      select d.id, d.version, d.title, d.document_type, d.tags, d.repository_id, d.content,
        ts_rank(d.terms, wanted.query, 32)
          + case when d.repository_id = ${repositoryId} then 0.2 else 0 end
          + 0.2 * least(3, (select count(*) from unnest(d.tags) t where t = any(${sql.param([...tags])}::text[]))) as rank
      from context_documents d, wanted
      where d.status = 'active' and (d.repository_id is null or d.repository_id = ${repositoryId})
        and (d.terms @@ wanted.query or d.tags && ${sql.param([...tags])}::text[])
      order by rank desc, d.updated_at desc, d.id limit ${limit}
    )
    select found.id as "documentId", version, title, document_type as type, tags, repository_id as "repositoryId",
      length(content) as characters,
      ts_headline('english', content, wanted.query, ${headlineOptions}) as excerpt, rank::float8 as rank
    from found, wanted order by found.rank desc, found.id`);
  return rows;
}

/** What a task says to those who look for its documents. */
export async function readTaskForMatch(
  db: Db | Tx,
  taskId: string,
): Promise<{ repositoryId: string; tags: string[]; text: string } | undefined> {
  const { rows } = await db.execute<{ repositoryId: string; tags: string[]; text: string }>(sql`
    select repository_id as "repositoryId", required_labels || task_type as tags, title || ' ' || description as text
    from tasks where id = ${taskId}`);
  return rows[0];
}
