import { Writable } from "node:stream";
import { createLogger, deferred } from "@agentvine/kit";
import {
  createDatabase,
  findRedisServer,
  startRedis,
  type TestDatabase,
  type TestRedis,
  waitUntil,
} from "@agentvine/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Chore } from "./chore.ts";
import { type JobRunner, type JobRunnerOptions, startJobRunner } from "./job-runner.ts";

/** One of the two backends of BullMQ, as a test drives it. */
interface Backend {
  options: Pick<JobRunnerOptions, "databaseUrl" | "redisUrl">;
  /** Ids of the runs that are done, `repeat:<chore>:<due at>`. */
  finished(): Promise<string[]>;
  schedules(): Promise<Record<string, number>>;
  cutConnections(): Promise<void>;
  /** Connections of job runners that are open now. */
  connections(): Promise<number>;
  clear(): Promise<void>;
}

let database: TestDatabase;
let sql: pg.Client;
let redis: TestRedis | undefined;
const redisServer = findRedisServer("chores on Redis");
beforeAll(async () => {
  database = await createDatabase();
  sql = new pg.Client(database.url);
  await sql.connect();
  redis = redisServer === undefined ? undefined : await startRedis(redisServer);
});
afterAll(async () => {
  await redis?.stop();
  await sql.end();
  await database.drop();
});

const runners: JobRunner[] = [];
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
});

interface Told {
  level: number;
  msg: string;
  chore?: string;
}

function start(
  options: Pick<JobRunnerOptions, "databaseUrl" | "redisUrl">,
  chores: Chore[],
  more: Partial<JobRunnerOptions> = {},
) {
  const told: Told[] = [];
  const stream = new Writable({
    write: (line, _encoding, done) => {
      told.push(JSON.parse(String(line)));
      done();
    },
  });
  const logger = createLogger({ name: "test", level: "info", stream });
  const runner = startJobRunner({ ...options, chores, logger, checkMs: 200, closeMs: 500, ...more });
  runners.push(runner);
  return { runner, told };
}

/** A chore of every 0.3 seconds that counts its runs. */
function counting(name = "count") {
  const runs: number[] = [];
  const chore: Chore = {
    name,
    everySeconds: 0.3,
    run: async () => {
      runs.push(Date.now());
      return { run: runs.length };
    },
  };
  return { chore, runs };
}

const atLeast = (runs: number[], count: number) =>
  waitUntil(() => runs.length >= count, { timeoutMs: 15_000, message: `${count} runs` });

const dueAt = (id: string) => Number(id.split(":").at(-1));

const onPostgres = (): Backend => ({
  options: { databaseUrl: database.url, redisUrl: undefined },
  finished: async () =>
    (await sql.query<{ id: string }>("select id from bullmq.job where state = 'completed'")).rows.map(
      ({ id }) => id,
    ),
  schedules: async () => {
    const { rows } = await sql.query<{ scheduler_id: string; every_ms: string }>(
      "select scheduler_id, every_ms from bullmq.scheduler",
    );
    return Object.fromEntries(rows.map((row) => [row.scheduler_id, Number(row.every_ms)]));
  },
  cutConnections: async () => {
    await sql.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
  },
  connections: async () => {
    const { rows } = await sql.query<{ count: number }>(
      "select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    return rows[0]?.count ?? 0;
  },
  clear: async () => {
    await sql.query("drop schema if exists bullmq cascade");
  },
});

const onRedis = (): Backend => {
  const { client, url } = redis ?? expect.fail("redis-server is not running");
  return {
    options: { databaseUrl: database.url, redisUrl: url },
    finished: () => client.zrange("agentvine:maintenance:completed", 0, -1),
    schedules: async () => {
      const names = await client.zrange("agentvine:maintenance:repeat", 0, -1);
      const entries = names.map(async (name) => [
        name,
        Number(await client.hget(`agentvine:maintenance:repeat:${name}`, "every")),
      ]);
      return Object.fromEntries(await Promise.all(entries));
    },
    cutConnections: async () => {
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    },
    connections: async () =>
      String(await client.call("CLIENT", "LIST", "TYPE", "normal"))
        .trim()
        .split("\n").length - 1,
    clear: async () => {
      await client.flushall();
    },
  };
};

const isRedisMissing = redisServer === undefined;
describe.each([
  { name: "PostgreSQL", make: onPostgres, isSkipped: false },
  { name: "Redis", make: onRedis, isSkipped: isRedisMissing },
])("chores on $name", ({ make, isSkipped }) => {
  describe.skipIf(isSkipped)("with its server", () => {
    let backend: Backend;
    beforeEach(async () => {
      backend = make();
      await backend.clear();
    });

    it("are done at their times, again and again", async () => {
      const { chore, runs } = counting();
      const { runner } = start(backend.options, [chore]);
      await runner.started;
      await expect(runner.ping()).resolves.toBeUndefined();
      await atLeast(runs, 3);
      expect(await backend.schedules()).toEqual({ count: 300 });
    });

    it("are done once per time, however many runners there are", async () => {
      const { chore, runs } = counting();
      const both = [start(backend.options, [chore]), start(backend.options, [chore])];
      await Promise.all(both.map(({ runner }) => runner.started));
      await atLeast(runs, 4);
      await Promise.all(both.map(({ runner }) => runner.stop()));
      const times = (await backend.finished()).map(dueAt).sort((a, b) => a - b);
      expect(runs).toHaveLength(times.length);
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(gaps.every((gap) => gap >= 300)).toBe(true);
    });

    it("go on after every connection was cut", async () => {
      const { chore, runs } = counting();
      const { runner } = start(backend.options, [chore]);
      await runner.started;
      await atLeast(runs, 1);
      await backend.cutConnections();
      await atLeast(runs, runs.length + 2);
      await waitUntil(() => runner.ping().then(() => true));
    });

    it("are not held up by one that fails, which is told, nor by one that hangs", async () => {
      const good = counting("good");
      const hanging = deferred<void>();
      const bad: Chore = {
        name: "bad",
        everySeconds: 0.3,
        run: () => Promise.reject(new Error("no luck")),
      };
      const slow: Chore = {
        name: "slow",
        everySeconds: 0.3,
        run: async () => {
          await hanging.promise;
          return {};
        },
      };
      const { told, runner } = start(backend.options, [bad, slow, good.chore]);
      // Longer than it would take the one that hangs to fill every place.
      await atLeast(good.runs, 9);
      await waitUntil(() => told.filter(({ chore }) => chore === "bad").length >= 2);
      expect(told.find(({ chore }) => chore === "slow")?.msg).toContain("still being done");
      expect(told.find(({ chore }) => chore === "bad")).toMatchObject({ level: 40, msg: "a chore failed" });
      // Waits for the one that hangs only so long.
      await runner.stop();
      hanging.resolve();
    });

    it("finish before the runner has stopped, and start no more", async () => {
      const begun = deferred<void>();
      let isDone = false;
      const chore: Chore = {
        name: "slow",
        everySeconds: 0.3,
        run: async () => {
          begun.resolve();
          await new Promise((resolve) => setTimeout(resolve, 100));
          isDone = true;
          return {};
        },
      };
      const { runner } = start(backend.options, [chore]);
      await begun.promise;
      await runner.stop();
      expect(isDone).toBe(true);
      expect(runner.queues()).toEqual([]);
      await expect(runner.ping()).rejects.toMatchObject({ code: "queue.unavailable" });
    });

    it("leave no connection and no timer when the runner stops, also right after its start", async () => {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
      const before = timers();
      const { chore, runs } = counting();
      const first = start(backend.options, [chore]);
      await atLeast(runs, 1);
      await first.runner.stop();
      await first.runner.stop();
      await start(backend.options, [chore]).runner.stop();
      await waitUntil(async () => (await backend.connections()) === 0);
      await waitUntil(() => timers() <= before);
    });

    it("are forgotten when they are no more, and follow a changed interval", async () => {
      const hourly = (name: string, everySeconds = 3_600): Chore => ({
        name,
        everySeconds,
        run: async () => ({}),
      });
      const old = start(backend.options, [hourly("a"), hourly("b"), hourly("c")]);
      await old.runner.started;
      await old.runner.stop();
      const { runner } = start(backend.options, [hourly("a"), hourly("b", 7_200)]);
      await runner.started;
      expect(await backend.schedules()).toEqual({ a: 3_600_000, b: 7_200_000 });
    });

    it("come back when everything that the queue kept is wiped out", async () => {
      const { chore, runs } = counting();
      const { runner } = start(backend.options, [chore]);
      await runner.started;
      await atLeast(runs, 1);
      if (redis !== undefined && backend.options.redisUrl !== undefined) await redis.client.flushall();
      else await sql.query("delete from bullmq.job; delete from bullmq.scheduler");
      await atLeast(runs, runs.length + 2);
    });
  });
});

describe.skipIf(isRedisMissing)("Redis", () => {
  it("may crash and come back empty: the chores go on by themselves, and the log is not flooded", async () => {
    const server = redis ?? expect.fail("redis-server is not running");
    const { chore, runs } = counting();
    // Only the return of the connection makes the schedules again here.
    const { runner, told } = start({ databaseUrl: database.url, redisUrl: server.url }, [chore], {
      checkMs: 3_600_000,
    });
    await atLeast(runs, 1);
    await server.kill();
    await waitUntil(() =>
      runner.ping().then(
        () => false,
        () => true,
      ),
    );
    await expect(runner.ping()).rejects.toMatchObject({ code: "queue.unavailable" });
    await waitUntil(() => told.length > 0);
    await server.start();
    await atLeast(runs, runs.length + 2);
    expect(told.length).toBeLessThan(4);
  });

  it("may be gone when the runner stops", async () => {
    const server = redis ?? expect.fail("redis-server is not running");
    const { runner } = start({ databaseUrl: database.url, redisUrl: server.url }, [counting().chore]);
    await runner.started;
    await server.kill();
    const startedMs = Date.now();
    await runner.stop();
    expect(Date.now() - startedMs).toBeLessThan(6_000);
    await server.start();
  });
});

describe("a runner whose backend is not there", () => {
  const nobody = "127.0.0.1:9";
  it.each([
    ["PostgreSQL", { databaseUrl: `postgresql://u:p@${nobody}/x`, redisUrl: undefined }],
    ["Redis", { databaseUrl: "", redisUrl: `redis://${nobody}` }],
  ])("%s: says so once, keeps trying, and stops at once", async (_, options) => {
    const { runner, told } = start(options, [counting().chore]);
    await expect(runner.ping()).rejects.toThrow();
    await waitUntil(() => told.length > 0);
    expect(told.map(({ msg }) => msg)).toEqual(["the background queue has a fault, trying again"]);
    const startedMs = Date.now();
    await runner.stop();
    await runner.started;
    expect(Date.now() - startedMs).toBeLessThan(2_500);
  });
});
