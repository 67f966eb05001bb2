import type { Conversation, ConversationQuery } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { desc, eq, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { conversations } from "../../database/schema/index.ts";
import { storableText } from "../../storable-json.ts";

type Row = typeof conversations.$inferSelect;

const toResource = ({ id, taskId, title, lastPosition, createdAt, updatedAt }: Row): Conversation => ({
  ...{ id, taskId, title, lastPosition },
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

/** A free conversation. */
export async function insertConversation(
  db: Db | Tx,
  { id, title, createdBy }: { id: string; title: string; createdBy: string },
): Promise<Conversation> {
  const [row] = await db
    .insert(conversations)
    .values({ id, title: storableText(title), createdBy })
    .returning();
  if (row === undefined) throw new Error("the conversation was not inserted");
  return toResource(row);
}

const drawStatement: Statement = {
  name: "draw-positions",
  text: `
    insert into conversations (id, task_id, last_position)
    select $1::uuid, id, $3::bigint from tasks where id = $2
    on conflict (task_id) do update set last_position = conversations.last_position + $3::bigint,
      updated_at = case when $3::bigint = 0 then conversations.updated_at else now() end
    returning id, last_position`,
};

/** Makes the conversation of a task unless it is there, and draws `count` positions in it: it is locked then. Undefined without a task. */
export async function drawForTask(
  tx: Db | Tx,
  taskId: string,
  count: number,
): Promise<{ id: string; lastPosition: number } | undefined> {
  const values = [newId(), taskId, count];
  const [row] = await runPrepared<{ id: string; last_position: string }>(tx, drawStatement, values);
  return row && { id: row.id, lastPosition: Number(row.last_position) };
}

/** Draws positions: the conversation is locked until the transaction ends, so that they commit in their order. Undefined: none such. */
export async function drawPositions(tx: Tx, id: string, count: number): Promise<Conversation | undefined> {
  const [row] = await tx
    .update(conversations)
    .set({ lastPosition: sql`${conversations.lastPosition} + ${count}`, updatedAt: sql`now()` })
    .where(eq(conversations.id, id))
    .returning();
  return row && toResource(row);
}

export async function findConversation(db: Db | Tx, id: string): Promise<Conversation | undefined> {
  const [row] = await db.select().from(conversations).where(eq(conversations.id, id));
  return row && toResource(row);
}

export async function listConversations(
  db: Db,
  { taskId, page, pageSize }: ConversationQuery,
): Promise<Page<Conversation>> {
  const where = taskId === undefined ? undefined : eq(conversations.taskId, taskId);
  const rows = await db
    .select()
    .from(conversations)
    .where(where)
    .orderBy(desc(conversations.updatedAt), desc(conversations.id))
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  return { items: rows.map(toResource), ...(await countUpTo(db, conversations, where)) };
}
