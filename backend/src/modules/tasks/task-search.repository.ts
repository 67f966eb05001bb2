import { inArray, type SQL, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { tasks, taskWords } from "../../database/schema/index.ts";
import { searchOf } from "../../database/words.ts";
import { storableText } from "../../storable-json.ts";

/** What is searched for, as a condition on tasks. */
export interface TaskSearch {
  /** For a page: cheap to ask of one task after the other, when there are many that match. */
  ofPage: SQL;
  /** For counting: may be answered by the index of words. */
  ofCount: SQL;
  /** So many tasks match that they were not looked up. */
  isFrequent: boolean;
}

/** From here on it is quicker to walk the list and to ask each task for its words than to sort what has the words. */
export const frequentFrom = 2_000;

/**
 * Looks up the tasks that have all the words; undefined when there is nothing to search for. The planner has no idea how rare a
 * word is, and reads everything for one that hardly occurs: what to do is decided here, by the number of those found.
 */
export async function searchTasks(db: Db, text: string | undefined): Promise<TaskSearch | undefined> {
  const wanted = storableText(text ?? "").trim();
  if (wanted === "") {
    return undefined;
  }
  const query = sql`to_tsquery('simple', ${searchOf(wanted)})`;
  // Of frequent words no ids are sent: nobody looks at them.
  const { rows } = await db.execute<{ ids: string[] | null }>(sql`
    select case when count(*) < ${frequentFrom} then coalesce(array_agg(task_id), '{}') end as ids
    from (select task_id from task_words where words @@ ${query} limit ${frequentFrom}) found`);
  const ids = rows[0]?.ids;
  if (ids !== undefined && ids !== null) {
    const isFound = sql`${tasks.id} = any(${sql.param(ids)}::uuid[])`;
    return { ofPage: isFound, ofCount: isFound, isFrequent: false };
  }
  const having = db
    .select({ taskId: taskWords.taskId })
    .from(taskWords)
    .where(sql`${taskWords.words} @@ ${query}`);
  return {
    // As a value, not as a set: there is nothing that the planner could turn round.
    ofPage: sql`(select ${taskWords.words} @@ ${query} from ${taskWords} where ${taskWords.taskId} = ${tasks.id})`,
    ofCount: inArray(tasks.id, having),
    isFrequent: true,
  };
}
