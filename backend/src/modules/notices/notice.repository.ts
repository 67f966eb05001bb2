import type { Notice, NoticeQuery } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, desc, eq, inArray, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { isOlderThan } from "../../database/live-task.ts";
import {
  events,
  noticeChannels,
  notices,
  repositories,
  settings,
  tasks,
} from "../../database/schema/index.ts";
import { noticedEvents, type Occasion } from "./notice.ts";

type NoticeRow = typeof notices.$inferSelect;

const positionKey = "notices.position";

/** Takes the cursor for this transaction; undefined while another backend has it, or when there is none yet. */
export async function takeCursor(tx: Tx): Promise<number | undefined> {
  const [row] = await tx
    .select({ value: settings.value })
    .from(settings)
    .where(eq(settings.key, positionKey))
    .for("update", { skipLocked: true });
  return typeof row?.value === "number" ? row.value : undefined;
}

export async function moveCursor(tx: Tx, position: number): Promise<void> {
  await tx
    .update(settings)
    .set({ value: position, updatedAt: sql`now()` })
    .where(eq(settings.key, positionKey));
}

/** Puts the cursor behind everything that has happened: who subscribes now is not told the past. */
export async function startCursor(tx: Tx): Promise<void> {
  const position = sql`(select to_jsonb(coalesce(max(position), 0)) from events where position is not null)`;
  await tx
    .insert(settings)
    .values({ key: positionKey, value: position })
    .onConflictDoUpdate({ target: settings.key, set: { value: position, updatedAt: sql`now()` } });
}

/** What happened behind a position that people may want to hear of, and how far that looks. */
export async function readNoticedEvents(tx: Tx, after: number, limit: number) {
  const last = await tx.execute<{ position: number }>(
    sql`select coalesce(max(position), ${after})::int as position from (select position from events
      where position > ${after} order by position limit ${limit}) seen`,
  );
  const upTo = last.rows[0]?.position ?? after;
  const found = await tx
    .select({
      position: events.position,
      type: events.type,
      taskId: events.taskId,
      data: events.data,
      occurredAt: events.occurredAt,
    })
    .from(events)
    .where(
      and(
        sql`${events.position} > ${after} and ${events.position} <= ${upTo}`,
        inArray(events.type, [...noticedEvents]),
      ),
    )
    .orderBy(events.position);
  return { upTo, found: found.map((one) => ({ ...one, position: one.position ?? 0 })) };
}

/** The channels that are to carry an occasion: of whom it concerns and may still sign in, switched on, and asking for its type. */
export async function channelsFor(tx: Tx, occasion: Occasion): Promise<string[]> {
  const { taskId, assignedTo, type, occurredAt } = occasion;
  const isMine = sql`(${noticeChannels.userId} = t.created_by or ${noticeChannels.userId} = t.assigned_to)`;
  const { rows } = await tx.execute<{ id: string }>(sql`
    select ${noticeChannels.id} as id from ${noticeChannels}
    join users u on u.id = ${noticeChannels.userId} and u.is_active
    left join tasks t on t.id = ${taskId}
    where ${noticeChannels.isEnabled} and ${type} = any(${noticeChannels.types})
      and ${noticeChannels.createdAt} <= ${occurredAt}
      and (${assignedTo}::uuid is null or ${noticeChannels.userId} = ${assignedTo}::uuid)
      and (${noticeChannels.scope} = 'all' or ${assignedTo}::uuid is not null or ${isMine})`);
  return rows.map(({ id }) => id);
}

/** Writes notices; those that exist already are left as they are. Returns the ids of the new ones. */
export async function insertNotices(
  tx: Tx,
  list: readonly { channelId: string; occasion: Occasion; delayMs: number }[],
): Promise<string[]> {
  if (list.length === 0) return [];
  const rows = list.map(({ channelId, occasion, delayMs }) => ({
    id: newId(),
    channelId,
    type: occasion.type,
    taskId: occasion.taskId,
    workerRequestId: occasion.workerRequestId,
    occasion: occasion.occasion,
    availableAt: sql`now() + ${`${delayMs} milliseconds`}::interval`,
    queuedAt: sql`now()`,
  }));
  const made = await tx.insert(notices).values(rows).onConflictDoNothing().returning({ id: notices.id });
  return made.map(({ id }) => id);
}

export async function findNotice(db: Db, id: string): Promise<NoticeRow | undefined> {
  const [row] = await db.select().from(notices).where(eq(notices.id, id));
  return row;
}

/** Ends a notice, once: false when it had ended before. */
export async function endNotice(
  db: Db,
  id: string,
  end: { status: "sent" | "failed" | "dropped"; tries: number; reason: string },
): Promise<boolean> {
  const ended = await db
    .update(notices)
    .set({ ...end, endedAt: sql`now()` })
    .where(and(eq(notices.id, id), eq(notices.status, "waiting")));
  return (ended.rowCount ?? 0) > 0;
}

/** Notes a try that failed and will be repeated by its job. */
export async function noteTry(db: Db, id: string, tries: number, reason: string): Promise<void> {
  await db
    .update(notices)
    .set({ tries, reason, queuedAt: sql`now()` })
    .where(and(eq(notices.id, id), eq(notices.status, "waiting")));
}

/** Puts a notice off; a sweep makes a new job for it then. */
export async function putOff(db: Db, id: string, ms: number): Promise<void> {
  await db
    .update(notices)
    .set({ availableAt: sql`now() + ${`${ms} milliseconds`}::interval`, queuedAt: null })
    .where(and(eq(notices.id, id), eq(notices.status, "waiting")));
}

/** Takes notices that are due and have no job, or had one that was lost; the caller makes one for each. */
export async function takeUnqueued(db: Db, lostAfterMs: number, limit: number): Promise<string[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    update notices set queued_at = now() where id in (
      select id from notices where status = 'waiting' and available_at <= now()
        and (queued_at is null or queued_at < now() - ${`${lostAfterMs} milliseconds`}::interval)
      order by available_at limit ${limit} for update skip locked)
    returning id`);
  return rows.map(({ id }) => id);
}

/** Removes at most `limit` notices that are older than so many days and no longer wait. @returns how many */
export async function forgetNotices(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from notices where id in (
      select id from notices where ${isOlderThan(sql`created_at`, days)} and status <> 'waiting' limit ${limit})`);
  return rowCount ?? 0;
}

/** The task as its notices tell of it. */
export async function readTaskFacts(db: Db, taskId: string) {
  const [row] = await db
    .select({
      title: tasks.title,
      statusReason: tasks.statusReason,
      result: tasks.result,
      repository: repositories.name,
    })
    .from(tasks)
    .innerJoin(repositories, eq(repositories.id, tasks.repositoryId))
    .where(eq(tasks.id, taskId));
  return row;
}

const toNotice = (row: NoticeRow): Notice => ({
  id: row.id,
  channelId: row.channelId,
  type: row.type,
  taskId: row.taskId,
  workerRequestId: row.workerRequestId,
  status: row.status,
  tries: row.tries,
  reason: row.reason,
  createdAt: row.createdAt.toISOString(),
  endedAt: row.endedAt?.toISOString() ?? null,
});

export async function listNotices(db: Db, userId: string, query: NoticeQuery): Promise<Page<Notice>> {
  const { page, pageSize, status, channelId } = query;
  const where = and(
    inArray(
      notices.channelId,
      db.select({ id: noticeChannels.id }).from(noticeChannels).where(eq(noticeChannels.userId, userId)),
    ),
    status === undefined ? undefined : eq(notices.status, status),
    channelId === undefined ? undefined : eq(notices.channelId, channelId),
  );
  const rows = await db
    .select()
    .from(notices)
    .where(where)
    .orderBy(desc(notices.createdAt), desc(notices.id))
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  return { items: rows.map(toNotice), ...(await countUpTo(db, notices, where)) };
}
