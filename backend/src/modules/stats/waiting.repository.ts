import type { WaitingStats, WaitingStatsQuery } from "@agentvine/contracts";
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { personNameSql } from "../../database/person-name.ts";
import { liveStatusList } from "../../database/schema/index.ts";

type Waits = WaitingStats["all"];
type Measured = Record<"requests" | "open", number> &
  Record<`${"people" | "controllers"}_${"count" | "total" | "p50" | "p95"}`, number | null>;

/**
 * What was raised in the period and was not settled with the raise, with how long people and controllers had it, in seconds. Who answered
 * is the person; of what nobody answered, whom it was given to.
 */
const waited = (seconds: number): SQL => sql`
  select r.task_id, r.rule_id, r.status,
    case when r.answer_source = 'person' then r.answer_source_id else r.assigned_to::text end as person_id,
    extract(epoch from coalesce(r.settled_at, now()) - r.people_since) as people,
    case when r.people_since is null or r.people_since > r.raised_at
      then extract(epoch from coalesce(r.people_since, r.settled_at, now()) - r.raised_at) end as controllers
  from worker_requests r
  where r.raised_at >= now() - make_interval(secs => ${seconds}) and (r.settled_at is null or r.settled_at > r.raised_at)`;

const measure = (who: "people" | "controllers"): SQL => {
  const value = sql.raw(who);
  // security: no-raw-sql-of-values because it is one of two words, and a name of this file
  const as = (name: string) => sql.raw(`${who}_${name}`);
  return sql`count(${value})::int as ${as("count")}, coalesce(sum(${value}), 0)::float8 as ${as("total")},
    (percentile_cont(0.5) within group (order by ${value}))::float8 as ${as("p50")},
    (percentile_cont(0.95) within group (order by ${value}))::float8 as ${as("p95")}`;
};
const measures = sql`count(*)::int as requests, (count(*) filter (where status in ${liveStatusList}))::int as open,
  ${measure("people")}, ${measure("controllers")}`;

const timesOf = (row: Measured, who: "people" | "controllers"): Waits["people"] => ({
  requests: row[`${who}_count`] ?? 0,
  secondsTotal: row[`${who}_total`] ?? 0,
  secondsP50: row[`${who}_p50`],
  secondsP95: row[`${who}_p95`],
});
const toWaits = (row: Measured): Waits => ({
  requests: row.requests,
  open: row.open,
  people: timesOf(row, "people"),
  controllers: timesOf(row, "controllers"),
});

/** How long requests of the period have waited in all. */
export async function readWaiting(db: Db, seconds: number): Promise<Waits> {
  const { rows } = await db.execute<Measured>(sql`select ${measures} from (${waited(seconds)}) waited`);
  const [row] = rows;
  if (row === undefined) throw new Error("an aggregate returned no row");
  return toWaits(row);
}

const keys: Record<WaitingStatsQuery["by"], { key: SQL; name: SQL }> = {
  task: { key: sql`task_id::text`, name: sql`(select t.title from tasks t where t.id = measured.key::uuid)` },
  rule: { key: sql`rule_id`, name: sql`measured.key` },
  person: {
    key: sql`person_id`,
    name: sql`(select ${personNameSql("u")} from users u where u.id = measured.key::uuid)`,
  },
};

/** The same for each task, rule or person: those that people had longest first. */
export async function readWaitingBy(
  db: Db,
  { windowSeconds, by, limit }: WaitingStatsQuery,
): Promise<WaitingStats["items"]> {
  const { key, name } = keys[by];
  const { rows } = await db.execute<Measured & { key: string; name: string | null }>(sql`
    select measured.*, ${name} as name from (
      select ${key} as key, ${measures} from (${waited(windowSeconds)}) waited where ${key} is not null
      group by 1 order by people_total desc, controllers_total desc, key limit ${limit}) measured
    order by people_total desc, controllers_total desc, key`);
  return rows.map((row) => ({ id: row.key, name: row.name ?? row.key, ...toWaits(row) }));
}
