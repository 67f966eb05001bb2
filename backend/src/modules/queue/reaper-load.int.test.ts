import { createLogger } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { startSweeps } from "./reaper.loop.ts";
import { createReaperService } from "./reaper.service.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
  // Nothing is swept but by the test.
  await work.app.work.sweeps.stop();
});
afterAll(() => work.close());

/** How many are lost at once; more by hand. */
const count = Number(process.env.AGENTVINE_TEST_LOST_LEASES ?? 250);

/** Copies of everything that one claim made, for `copies` more orders of the same worker. */
async function copyClaim(copies: number): Promise<void> {
  const copied = async (table: string, change: string): Promise<void> => {
    await work.sql(`
      insert into ${table} select (jsonb_populate_record(r, ${change})).*
      from ${table} r, ids where ids.n > 0`);
  };
  await work.sql(`
    create table ids as select n, gen_random_uuid() task, gen_random_uuid() wo, gen_random_uuid() execution
    from generate_series(1, ${copies}) n`);
  await copied("tasks", "jsonb_build_object('id', ids.task)");
  await copied(
    "work_orders",
    "jsonb_build_object('id', ids.wo, 'task_id', ids.task, 'claim_key', 'key ' || ids.n)",
  );
  await copied(
    "executions",
    "jsonb_build_object('id', ids.execution, 'work_order_id', ids.wo, 'task_id', ids.task)",
  );
  await copied("worker_assignments", "jsonb_build_object('id', gen_random_uuid(), 'work_order_id', ids.wo)");
  await work.sql(`update workers set active_count = active_count + ${copies}`);
}

it("many leases lost at once are all back in the queue with one sweep, each once", async () => {
  const worker = await work.registerWorker({ slots: 2 });
  await work.createTask();
  await work.mustClaim(worker);
  await copyClaim(count - 1);
  await work.sql("update work_orders set lease_expires_at = now() - interval '1 second'");
  const startedMs = performance.now();
  const reaper = createReaperService({ db: work.app.database.db, retry: defaultRetryPolicy });
  const sweeps = startSweeps({
    sweeps: [{ name: "lost leases", run: reaper.reapLeases, batchMax: reaper.batchMax }],
    // Whoever waits for the second one waits too long.
    intervalMs: 3_600_000,
    logger: createLogger({ name: "test", level: "silent" }),
  });
  onTestFinished(() => sweeps.stop());
  const statuses = () =>
    work.sql<{ status: string; lost: number; n: number }>(
      "select status, lost_leases as lost, count(*)::int as n from work_orders group by 1, 2",
    );
  await waitUntil(async () => (await statuses()).every(({ status }) => status === "pending"), {
    timeoutMs: 60_000,
    intervalMs: 20,
  });
  process.stderr.write(
    `measured: ${count} lost leases to all of them queued: ${Math.round(performance.now() - startedMs)} ms\n`,
  );
  expect(await statuses()).toEqual([{ status: "pending", lost: 1, n: count }]);
  expect(await work.sql("select distinct status from tasks")).toEqual([{ status: "queued" }]);
  expect(await work.sql("select distinct status from executions")).toEqual([{ status: "lost" }]);
  expect((await work.app.work.workers.get(worker.id)).activeCount).toBe(0);
});
