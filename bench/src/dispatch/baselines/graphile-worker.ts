import { Logger, run, runMigrations } from "graphile-worker";
import pg from "pg";

/** Jobs a second that graphile-worker does with so many at once, all queued before. */
export async function measureGraphileWorker(
  connectionString: string,
  concurrency: number,
  jobs: number,
): Promise<number> {
  const logger = new Logger(() => () => {});
  await runMigrations({ connectionString, logger });
  const pool = new pg.Pool({ connectionString, max: concurrency + 4 });
  try {
    await pool.query(
      "select graphile_worker.add_job('nothing', json_build_object('n', n)) from generate_series(1, $1) n",
      [jobs],
    );
    let done = 0;
    let finish = (): void => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const startedMs = performance.now();
    const runner = await run({
      pgPool: pool,
      concurrency,
      logger,
      noHandleSignals: true,
      taskList: {
        nothing: () => {
          done += 1;
          if (done === jobs) finish();
        },
      },
    });
    await finished;
    const perSecond = jobs / ((performance.now() - startedMs) / 1_000);
    await runner.stop();
    return perSecond;
  } finally {
    await pool.end();
  }
}
