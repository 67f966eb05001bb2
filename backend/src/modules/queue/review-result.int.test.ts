import type { ApiKey } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());
beforeEach(() => work.sql("delete from tasks"));

const waitsForLock = async () =>
  (
    await work.sql(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
  ).length > 0;

describe("a result for review", () => {
  it("keeps everything it says about the execution", async () => {
    await work.createTask();
    const claim = await work.mustClaim(await work.registerWorker());
    await work.complete(claim, await work.runResult(claim, { exitCode: 0, summary: "rounds once" }));
    const [execution] = await work.sql("select exit_code, summary, base_commit, commit from executions");
    expect(execution).toEqual({
      exit_code: 0,
      summary: "rounds once",
      base_commit: "a".repeat(40),
      commit: "b".repeat(40),
    });
  });

  it.each(["complete", "fail"] as const)(
    "(%s) gives its slot back also when its worker registers again at this moment",
    async (verb) => {
      await work.createTask();
      const [name, first] = ["twice", newId()];
      const worker = await work.registerWorker({ name, instanceId: first });
      const claim = await work.mustClaim(worker);
      await work.registerWorker({ name, instanceId: newId() });
      const result = await work.runResult(claim);
      const registering = new pg.Client(work.app.databaseUrl);
      await registering.connect();
      try {
        // What a registration of the first process does, held open after it has counted what that process holds.
        await registering.query("begin");
        await registering.query(
          "update workers set instance_id = $2, active_count = 1, status = 'busy' where id = $1",
          [worker.id, first],
        );
        const finishing = verb === "complete" ? work.complete(claim, result) : work.fail(claim);
        let isAnswered = false;
        void finishing.then(() => {
          isAnswered = true;
        });
        await waitUntil(async () => isAnswered || (await waitsForLock()));
        await registering.query("commit");
        expect((await finishing).status).toBe(200);
      } finally {
        await registering.end();
      }
      const [slots] = await work.sql("select active_count, status from workers where id = $1", [worker.id]);
      expect(slots).toEqual({ active_count: 0, status: "idle" });
    },
  );
});

describe("a claim that waits", () => {
  it("gets nothing any more once its key is revoked", async () => {
    const permissions = ["worker:register", "worker:work"];
    const { body: key } = await work.app.request<{ apiKey: ApiKey; secret: string }>(
      "POST",
      "/api/v1/api-keys",
      {
        body: { name: "leaver", permissions },
      },
    );
    const worker = await work.registerWorker();
    await work.sql("update workers set api_key_id = $2 where id = $1", [worker.id, key.apiKey.id]);
    const waiting = work.app.request("POST", "/api/v1/queue/claim", {
      token: key.secret,
      body: {
        workerId: worker.id,
        instanceId: worker.instanceId,
        taskTypes: ["bugfix"],
        slots: 1,
        waitSeconds: 2,
      },
    });
    await waitUntil(() => work.app.work.claims.waiting() === 1);
    await work.app.request("DELETE", `/api/v1/api-keys/${key.apiKey.id}`);
    const task = await work.createTask();
    expect((await waiting).status).toBe(204);
    expect((await work.getTask(task.id)).status).toBe("queued");
  });
});
