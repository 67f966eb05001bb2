import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { endpoints, type Task } from "@agentvine/contracts";
import {
  createRepository,
  type OwnPostgres,
  processIsAlive,
  startBackend,
  startOwnPostgres,
  TcpProxy,
  waitUntil,
} from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { measured } from "./support/measured.ts";
import { createTask, endingsOf, isOver, publishedBranches, readTask } from "./support/tasks.ts";
import { useSharedTemp } from "./support/temp-home.ts";
import { startWorker } from "./support/worker-process.ts";

const count = 8;
/** How long PostgreSQL stays away each time: until enough has been refused, and for so long when somebody wants to see it. */
const outageSeconds = Number(process.env.AGENTVINE_TEST_OUTAGE_SECONDS ?? "0");
const refusalsMin = 10;

const statusOf =
  (url: string) =>
  async (what: string): Promise<number> =>
    (await fetch(`${url}/health/${what}`)).status;

describe("bad days of the server", () => {
  const temp = useSharedTemp();

  /** PostgreSQL is killed, and stays away until requests enough were refused; returns how long the slowest refusal took. */
  async function outage(postgres: OwnPostgres, proxy: TcpProxy, url: string, token: string): Promise<number> {
    const client = createClient({ baseUrl: url, token });
    const awayUntilMs = performance.now() + outageSeconds * 1_000;
    await proxy.set("refuse");
    const started = postgres.crash();
    const refusals: { error: unknown; live: number; ready: number }[] = [];
    let slowestMs = 0;
    await waitUntil(
      async () => {
        const askedAtMs = performance.now();
        const error: unknown = await client.call(endpoints.tasks.list).catch((caught: unknown) => caught);
        slowestMs = Math.max(slowestMs, performance.now() - askedAtMs);
        const [live, ready] = await Promise.all(["live", "ready"].map(statusOf(url)));
        refusals.push({ error, live: live ?? 0, ready: ready ?? 0 });
        return refusals.length >= refusalsMin && performance.now() >= awayUntilMs;
      },
      { timeoutMs: outageSeconds * 1_000 + 60_000, intervalMs: 50 },
    );
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        error: { code: "database.unavailable", status: 503, retryAfterMs: expect.any(Number) },
        live: 200,
        ready: 503,
      });
    }
    await started;
    await proxy.set("pass");
    const backAtMs = performance.now();
    await waitUntil(async () => (await statusOf(url)("ready")) === 200, { timeoutMs: 30_000 });
    measured("PostgreSQL there again to ready", performance.now() - backAtMs);
    return slowestMs;
  }

  it("PostgreSQL is stopped at once three times under load: no process ends, every completion told stays, every task ends once", async () => {
    const postgres = await startOwnPostgres();
    onTestFinished(() => postgres.stop());
    const proxy = await TcpProxy.start(postgres.url);
    onTestFinished(() => proxy.stop());
    const backend = await startBackend({
      databaseUrl: proxy.urlOf(postgres.url),
      env: { AGENTVINE_RETRY_BASE_SECONDS: "0.1" },
    });
    onTestFinished(() => backend.stop());
    const client = createClient({ baseUrl: backend.url, token: backend.token });
    const { path } = await createRepository(join(temp(), "sums"), {
      "README.md": "# Sums\n\nAdds numbers.\n",
    });
    const worker = await startWorker({
      serverUrl: backend.url,
      token: (await readFile(join(backend.home, "worker.key"), "utf8")).trim(),
      name: "busy",
      dataDir: join(temp(), "busy"),
      agent: ["sh", "-c", 'printf "# Guide\\n\\nCall sum; see the README.\\n" > GUIDE.md'],
      env: { AGENTVINE_WORKER_SLOTS: "3" },
    });
    onTestFinished(() => worker.stop());
    const tasks = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        createTask(client, {
          title: `Write guide ${index + 1}`,
          type: "docs",
          repositoryUrl: path,
          permissionLevel: "autonomous",
        }),
      ),
    );
    const told = new Set<string>();
    const ended = async (): Promise<Task[]> => {
      const over = (await Promise.all(tasks.map((task) => readTask(client, task)))).filter(isOver);
      for (const { id } of over) told.add(id);
      return over;
    };
    const untilEnded = (min: number): Promise<Task[]> =>
      waitUntil(
        async () => {
          const over = await ended();
          return over.length >= min ? over : undefined;
        },
        { timeoutMs: 150_000, intervalMs: 100, message: `${min} tasks to end` },
      );

    for (const endedMin of [1, 3, 5]) {
      await untilEnded(endedMin);
      measured("slowest refusal", await outage(postgres, proxy, backend.url, backend.token), 1_000);
      const after = new Set((await ended()).map(({ id }) => id));
      expect(
        [...told].filter((id) => !after.has(id)),
        "ends that were told and are gone",
      ).toEqual([]);
    }
    const all = await untilEnded(count);

    expect(all.map(({ status, statusReason }) => `${status} ${statusReason}`.trim())).toEqual(
      all.map(() => "completed"),
    );
    for (const task of tasks) expect(await endingsOf(client, task)).toEqual(["task.completed"]);
    expect((await publishedBranches(path)).toSorted()).toEqual(
      all.map(({ result }) => result?.branch).toSorted(),
    );
    const runs = await client.call(endpoints.executions.list, {
      query: { kind: "run", status: ["succeeded"], pageSize: 100 },
    });
    expect(runs.total).toBe(count);
    expect([backend.pid, worker.pid].map(processIsAlive)).toEqual([true, true]);
  });
});
