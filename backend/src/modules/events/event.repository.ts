import type { Event } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { and, asc, eq, gt, isNotNull, max, sql } from "drizzle-orm";
import { beforeCommit } from "../../database/before-commit.ts";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { isLiveTask, isOlderThan } from "../../database/live-task.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { events } from "../../database/schema/index.ts";
import { storableJson } from "../../storable-json.ts";
import { type EventFilter, type NewEvent, positionedChannel, recordedChannel } from "./event.ts";

/**
 * Writes an event within the transaction that makes it true: the events of a transaction go out together, just before it commits.
 * It gets its position after the commit.
 */
export async function recordEvent(tx: Tx, event: NewEvent): Promise<void> {
  await recordEvents(tx, [event]);
}

/** Reasons and comments are whatever somebody sent: jsonb refuses halves of characters, and the change would fail with its event. */
const rowOf = (event: NewEvent) => ({
  id: newId(),
  type: event.type,
  task_id: event.taskId,
  work_order_id: event.workOrderId,
  execution_id: event.executionId,
  worker_id: event.workerId,
  attempt: event.attempt,
  correlation_id: event.correlationId,
  data: event.data === undefined ? {} : storableJson(event.data),
});

const insertEvents: Statement = {
  name: "insert-events",
  text: `insert into events (id, type, task_id, work_order_id, execution_id, worker_id, attempt, correlation_id, data)
    select id, type, task_id, work_order_id, execution_id, worker_id, attempt, correlation_id, data
    from jsonb_to_recordset($1::jsonb) as e(id uuid, type text, task_id uuid, work_order_id uuid, execution_id uuid, worker_id uuid,
      attempt integer, correlation_id text, data jsonb)`,
};

/** Events of open transactions that are not written yet. */
const putOff = new WeakMap<Tx, ReturnType<typeof rowOf>[]>();

/** Tells the sequencer of this process that there are events without a position; one of them is enough to give it. */
export function noteRecorded(source: Db | Tx): void {
  notify(source, recordedChannel, { isForAll: false });
}

/** Writes several events, in their order, as `recordEvent` does. */
export async function recordEvents(tx: Tx, list: readonly NewEvent[]): Promise<void> {
  if (list.length === 0) {
    return;
  }
  const rows = list.map(rowOf);
  const waiting = putOff.get(tx);
  if (waiting !== undefined) {
    waiting.push(...rows);
    return;
  }
  const write = async (): Promise<void> => {
    putOff.delete(tx);
    await runPrepared(tx, insertEvents, [JSON.stringify(rows)]);
    noteRecorded(tx);
  };
  if (beforeCommit(tx, write)) {
    putOff.set(tx, rows);
  } else {
    await write();
  }
}

const toResource = (row: typeof events.$inferSelect): Event => ({
  id: row.id,
  position: row.position ?? 0,
  type: row.type,
  taskId: row.taskId,
  workOrderId: row.workOrderId,
  executionId: row.executionId,
  workerId: row.workerId,
  attempt: row.attempt,
  correlationId: row.correlationId,
  data: row.data,
  occurredAt: row.occurredAt.toISOString(),
});

/** Position of the last event that has one. */
export async function lastPosition(db: Db): Promise<number> {
  const [row] = await db
    .select({ last: max(events.position) })
    .from(events)
    .where(isNotNull(events.position));
  return row?.last ?? 0;
}

/** Events behind a position, in the order of their positions. */
export async function listEvents(db: Db, filter: EventFilter): Promise<Event[]> {
  const { after, limit, taskId, executionId } = filter;
  const rows = await db
    .select()
    .from(events)
    .where(
      and(
        gt(events.position, after),
        taskId === undefined ? undefined : eq(events.taskId, taskId),
        executionId === undefined ? undefined : eq(events.executionId, executionId),
      ),
    )
    .orderBy(asc(events.position))
    .limit(limit);
  return rows.map(toResource);
}

/** Number of the advisory lock under which positions are given. */
const sequencerLock = 7_420_002;
const batchMax = 5_000;

const lockSequencer: Statement = {
  name: "lock-sequencer",
  text: `select pg_advisory_xact_lock(${sequencerLock})`,
};

const assignStatement: Statement = {
  name: "assign-positions",
  text: `
    with horizon as materialized (
      select pg_snapshot_xmin(pg_current_snapshot()) as xid
    ), ready as materialized (
      select id, row_number() over (order by xid, id) as number from (
        select id, xid from events where position is null and xid < (select xid from horizon)
        order by xid, id limit ${batchMax}) oldest
    ), positioned as (
      update events set position = (select coalesce(max(position), 0) from events where position is not null) + ready.number
      from ready where events.id = ready.id
    )
    select (select count(*)::int from ready) as assigned,
      exists (select from events where position is null and xid >= (select xid from horizon)) as is_held_up`,
};

/**
 * Gives positions to the events that no later commit can precede: those written by transactions older than every one still running.
 * Sequence values would not do: they are drawn in one order and committed in another, and a reader that has passed a number would
 * never see a smaller one that is committed later.
 * @returns how many got a position, and whether events remain without one.
 */
export async function assignPositions(db: Db): Promise<{ assigned: number; isIncomplete: boolean }> {
  return await db.transaction(async (tx) => {
    // A statement of its own, so that the next one sees what the previous holder committed.
    await runPrepared(tx, lockSequencer, []);
    const [row] = await runPrepared<{ assigned: number; is_held_up: boolean }>(tx, assignStatement, []);
    const { assigned, is_held_up } = row ?? { assigned: 0, is_held_up: false };
    if (assigned > 0) {
      notify(tx, positionedChannel);
    }
    return { assigned, isIncomplete: is_held_up || assigned === batchMax };
  });
}

/**
 * Removes at most `limit` events that are older than so many days, but for tasks that may still go on. The last one stays: positions are
 * counted from it. @returns how many
 */
export async function deleteOldEvents(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from events where id in (
      select e.id from events e
      where ${isOlderThan(sql`e.occurred_at`, days)} and not ${isLiveTask(sql`e.task_id`)}
        and e.position < (select max(position) from events where position is not null)
      limit ${limit})`);
  return rowCount ?? 0;
}
