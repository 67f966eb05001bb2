import type { Claim } from "@agentvine/contracts";
import { seededRandom } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { createReaperService } from "./reaper.service.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
});
afterAll(() => work.close());

const seed = 20_261_122;

const tasksMax = 30;
const workersMax = 5;

describe(`many workers at once that get lost, stall, repeat themselves and fail (seed ${seed})`, () => {
  it("finish every task exactly once, by its latest attempt, without a single server error", async () => {
    const random = seededRandom(seed);
    const reaper = createReaperService({
      db: work.app.database.db,
      retry: { ...defaultRetryPolicy, lostLeasesMax: 1_000 },
    });
    const serverErrors: unknown[] = [];
    const accepted = new Map<string, number[]>();
    const note = ({ status, body }: { status: number; body: unknown }, claim?: Claim) => {
      if (status >= 500) serverErrors.push(body);
      if (status === 200 && claim?.workOrder.kind === "publish") {
        accepted.set(claim.task.id, [...(accepted.get(claim.task.id) ?? []), claim.attempt]);
      }
    };

    const ids: string[] = [];
    for (let n = 0; n < tasksMax; n += 1) {
      const earlier = ids[Math.floor(random() * ids.length)];
      const dependsOn = earlier !== undefined && random() < 0.4 ? [earlier] : [];
      const task = await work.createTask({ permissionLevel: "autonomous", dependsOn });
      ids.push(task.id);
    }

    const finish = async (claim: Claim) => {
      if (claim.workOrder.kind === "publish") {
        note(await work.publish(claim), claim);
        return;
      }
      const result = await work.runResult(claim);
      const repeats = random() < 0.3 ? 3 : 1;
      for (const answer of await Promise.all(
        Array.from({ length: repeats }, () => work.complete(claim, result)),
      )) {
        note(answer);
      }
    };

    const handle = async (worker: TestWorker, claim: Claim) => {
      const fate = random();
      if (fate < 0.12) {
        await work.expireLease(claim.workOrder.id);
        await reaper.reapLeases();
        // Late: somebody else may hold it already.
        await finish(claim);
      } else if (fate < 0.24) {
        await work.sql("update work_orders set max_retries = 1000 where id = $1", [claim.workOrder.id]);
        note(await work.fail(claim, { failure: "infrastructure" }));
      } else if (fate < 0.34) {
        note(await work.post(claim, "release", { reason: "drain" }));
      } else if (fate < 0.44) {
        const orders = [{ workOrderId: claim.workOrder.id, attempt: claim.attempt }];
        const [beaten] = await Promise.all([
          work.heartbeat(worker, { orders }),
          finish(claim),
          reaper.reapLeases(),
        ]);
        note(beaten);
      } else {
        await finish(claim);
      }
    };

    const isDone = async () => {
      const [left] = await work.sql<{ count: number }>(
        "select count(*)::int from tasks where status <> 'completed'",
      );
      return left?.count === 0;
    };
    const run = async () => {
      const worker = await work.registerWorker({ slots: 2 });
      while (!(await isDone())) {
        const claim = await work.claim(worker, { waitSeconds: 0.3 });
        if (claim.status === 200) await handle(worker, claim.body);
        else note(claim);
      }
    };
    await Promise.all(Array.from({ length: workersMax }, run));

    expect(serverErrors).toEqual([]);
    const ends = await work.sql<{ task_id: string; ends: number }>(
      `select task_id, count(*) filter (where type = 'task.completed')::int as ends from events
       where task_id is not null group by task_id`,
    );
    expect(ends.map((row) => row.ends)).toEqual(ids.map(() => 1));
    // Each accepted push is the one that completed the task, and no attempt came after it.
    const tasks = await work.sql<{ id: string; attempt: number }>("select id, attempt from tasks");
    expect(new Map(tasks.map(({ id, attempt }) => [id, [attempt]]))).toEqual(accepted);
    const left = await work.sql("select 1 from executions where status = 'running'");
    expect(left).toEqual([]);
    const slots = await work.sql("select distinct active_count, status from workers");
    expect(slots).toEqual([{ active_count: 0, status: "idle" }]);
    // Nobody started before what it waits for was there.
    const early = await work.sql(
      `select 1 from task_dependencies d join tasks t on t.id = d.task_id join tasks u on u.id = d.depends_on_task_id
       where t.started_at < u.completed_at`,
    );
    expect(early).toEqual([]);
  }, 120_000);
});
