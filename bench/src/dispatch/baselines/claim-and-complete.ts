import pg from "pg";

/** Claims and completes rows of a bare table, prepared, by so many connections; returns how many a second. */
export async function measureClaimAndComplete(
  databaseUrl: string,
  concurrency: number,
  jobs: number,
): Promise<number> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: concurrency });
  try {
    await pool.query(`create table jobs (id bigint generated always as identity primary key, status text not null default 'pending',
      attempt integer not null default 0, worker text, payload jsonb not null, result jsonb, lease_expires_at timestamptz)`);
    await pool.query("create index on jobs (id) where status = 'pending'");
    await pool.query(
      "insert into jobs (payload) select jsonb_build_object('n', n) from generate_series(1, $1) n",
      [jobs],
    );
    const work = async (worker: string): Promise<void> => {
      for (;;) {
        const { rows } = await pool.query<{ id: string; attempt: number }>({
          name: "claim",
          text: `update jobs set status = 'claimed', attempt = attempt + 1, worker = $1, lease_expires_at = now() + interval '1 minute'
            where id = (select id from jobs where status = 'pending' order by id limit 1 for update skip locked)
            returning id, attempt`,
          values: [worker],
        });
        const [job] = rows;
        if (job === undefined) return;
        await pool.query({
          name: "complete",
          text: "update jobs set status = 'completed', result = $3 where id = $1 and attempt = $2 and status = 'claimed'",
          values: [job.id, job.attempt, '{"ok": true}'],
        });
      }
    };
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: concurrency }, (_, n) => work(`worker-${n}`)));
    return jobs / ((performance.now() - startedMs) / 1_000);
  } finally {
    await pool.end();
  }
}
