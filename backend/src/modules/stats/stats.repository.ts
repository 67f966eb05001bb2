import type { Stats, StatsSample } from "@agentvine/contracts";
import { lanes } from "@agentvine/contracts";
import { desc, gte, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { isOlderThan } from "../../database/live-task.ts";
import { statsSamples } from "../../database/schema/index.ts";

type LaneDepth = Stats["lanes"][number];

const countsOf = (rows: readonly { key: string; count: number }[]): Record<string, number> =>
  Object.fromEntries(rows.map((row) => [row.key, row.count]));

async function grouped(db: Db, query: ReturnType<typeof sql>): Promise<Record<string, number>> {
  const { rows } = await db.execute<{ key: string; count: number }>(query);
  return countsOf(rows);
}

export const countTasksByStatus = (db: Db): Promise<Record<string, number>> =>
  grouped(db, sql`select status as key, count(*)::int as count from tasks group by status`);

export const countWorkersByStatus = (db: Db): Promise<Record<string, number>> =>
  grouped(
    db,
    sql`select status as key, count(*)::int as count from workers where deregistered_at is null group by status`,
  );

/** Claimable orders and the age of the oldest, for every lane. */
export async function readLaneDepths(db: Db): Promise<LaneDepth[]> {
  const { rows } = await db.execute<{ lane: string; pending: number; oldest: number | null }>(sql`
    select queue_name as lane, count(*)::int as pending,
           extract(epoch from now() - min(enqueued_at))::float8 as oldest
    from work_orders where status = 'pending' and available_at <= now() group by queue_name`);
  const byLane = new Map(rows.map((row) => [row.lane, row]));
  return lanes.map((lane) => ({
    lane,
    pending: byLane.get(lane)?.pending ?? 0,
    oldestPendingSeconds: byLane.get(lane)?.oldest ?? null,
  }));
}

export interface WindowStats {
  completed: number;
  failed: number;
  secondsToDoneP50: number | null;
  secondsToDoneP95: number | null;
}

/** What ended in the last seconds, and how long it took from creation. */
export async function readWindow(db: Db, seconds: number): Promise<WindowStats> {
  const { rows } = await db.execute<{
    completed: number;
    failed: number;
    p50: number | null;
    p95: number | null;
  }>(sql`
    with ended as (
      select status, extract(epoch from completed_at - created_at) as took from tasks
      where completed_at >= now() - make_interval(secs => ${seconds}) and status in ('completed', 'failed'))
    select count(*) filter (where status = 'completed')::int as completed,
           count(*) filter (where status = 'failed')::int as failed,
           (percentile_cont(0.5) within group (order by took) filter (where status = 'completed'))::float8 as p50,
           (percentile_cont(0.95) within group (order by took) filter (where status = 'completed'))::float8 as p95
    from ended`);
  const [row] = rows;
  return {
    completed: row?.completed ?? 0,
    failed: row?.failed ?? 0,
    secondsToDoneP50: row?.p50 ?? null,
    secondsToDoneP95: row?.p95 ?? null,
  };
}

/** What ended in the last full minute. Samples of all minutes add up to everything, whenever in its minute one is taken. */
export async function countEndedLastMinute(db: Db): Promise<{ completed: number; failed: number }> {
  const { rows } = await db.execute<{ completed: number; failed: number }>(sql`
    select count(*) filter (where status = 'completed')::int as completed,
           count(*) filter (where status = 'failed')::int as failed
    from tasks where status in ('completed', 'failed')
      and completed_at >= date_trunc('minute', now()) - interval '1 minute'
      and completed_at < date_trunc('minute', now())`);
  return rows[0] ?? { completed: 0, failed: 0 };
}

export async function countClaimed(db: Db): Promise<number> {
  const { rows } = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from work_orders where status = 'claimed'`,
  );
  return rows[0]?.count ?? 0;
}

/** Keeps a sample of this minute; a second one in the same minute replaces it. */
export async function insertSample(db: Db, sample: Omit<StatsSample, "sampledAt">): Promise<void> {
  await db
    .insert(statsSamples)
    .values({ ...sample, sampledAt: sql`date_trunc('minute', now())` })
    .onConflictDoUpdate({ target: statsSamples.sampledAt, set: sample });
}

/** Samples since a moment, the newest `limit` of them, oldest first. */
export async function listSamples(db: Db, since: Date | undefined, limit: number): Promise<StatsSample[]> {
  const rows = await db
    .select()
    .from(statsSamples)
    .where(since === undefined ? undefined : gte(statsSamples.sampledAt, since))
    .orderBy(desc(statsSamples.sampledAt))
    .limit(limit);
  return rows.reverse().map((row) => ({ ...row, sampledAt: row.sampledAt.toISOString() }));
}

/** Forgets at most `limit` samples of the queue that are older than so many days. @returns how many */
export async function deleteOldStatsSamples(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from stats_samples where sampled_at in (
      select sampled_at from stats_samples where ${isOlderThan(sql`sampled_at`, days)} limit ${limit})`);
  return rowCount ?? 0;
}

/** Forgets at most `limit` samples of workers that are older than so many days. @returns how many */
export async function deleteOldWorkerSamples(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from worker_samples where (worker_id, sampled_at) in (
      select worker_id, sampled_at from worker_samples where ${isOlderThan(sql`sampled_at`, days)} limit ${limit})`);
  return rowCount ?? 0;
}
