import { createLogger } from "@agentvine/kit";
import {
  findRedisServer,
  startRedis,
  type TestDatabase,
  type TestRedis,
  waitUntil,
} from "@agentvine/testkit";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openSharedRedis } from "../redis/shared-redis.ts";
import { createMigratedDatabase } from "../testing/build-test-app.ts";
import { type Database, openDatabase } from "./client.ts";
import { notify } from "./commit-wakes.ts";
import { type Notifications, openNotifications } from "./notifications.ts";

const logger = createLogger({ name: "test", level: "silent" });
const redisServer = findRedisServer("wake-ups by Redis, and what becomes of them without it");
let testDatabase: TestDatabase;
let database: Database;
let redis: TestRedis | undefined;

beforeAll(async () => {
  testDatabase = await createMigratedDatabase();
  database = openDatabase({ url: testDatabase.url });
  redis = redisServer === undefined ? undefined : await startRedis(redisServer);
});
afterAll(async () => {
  await redis?.stop();
  await database.close();
  await testDatabase.drop();
});

const opened: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

interface OtherProcess extends Database {
  bus: Notifications;
}

/** Another process on the database: handles of its own, and a bus of its own. */
async function openProcess({ url = testDatabase.url, redisUrl = "" } = {}): Promise<OtherProcess> {
  const own = openDatabase({ url });
  const shared =
    redisUrl === "" ? undefined : await openSharedRedis({ url: redisUrl, prefix: "agentvine:test", logger });
  const bus = openNotifications({ database: own, redis: shared, logger });
  opened.push(own, ...(shared === undefined ? [] : [shared]), bus);
  return { ...own, bus };
}

const hear = (bus: Notifications, channel: string): string[] => {
  const heard: string[] = [];
  bus.on(channel, (payload) => heard.push(payload));
  return heard;
};

/** Says words until the other process has heard one. */
const untilHeard = (from: OtherProcess, heard: string[], channel: string, word: string) =>
  waitUntil(() => {
    notify(from.db, channel, { payload: word });
    return heard.includes(word);
  });

const cutDatabase = () =>
  database.pool.query(
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = 'agentvine notifications'",
  );

/** One of the two ways between processes, as a test drives it. */
const transports = [
  { name: "PostgreSQL", redisUrl: () => "", cut: cutDatabase, isSkipped: false },
  {
    name: "Redis",
    redisUrl: () => redis?.url ?? expect.fail("redis-server is not running"),
    cut: async () => {
      await redis?.client.call("CLIENT", "KILL", "TYPE", "pubsub");
      await redis?.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    },
    isSkipped: redisServer === undefined,
  },
];

describe.each(transports)("wakes by $name", ({ redisUrl, cut, isSkipped }) => {
  describe.skipIf(isSkipped)("between two processes", () => {
    const openTwo = async () => {
      const options = { redisUrl: redisUrl() };
      return [await openProcess(options), await openProcess(options)] as const;
    };

    test("arrive in every process when the transaction commits, in order, and never when it is rolled back", async () => {
      const [here, there] = await openTwo();
      const heardHere = hear(here.bus, "test_channel");
      const heardThere = hear(there.bus, "test_channel");
      await Promise.all([here.bus.listening(), there.bus.listening()]);
      await here.db
        .transaction(async (tx) => {
          notify(tx, "test_channel", { payload: "rolled back" });
          throw new Error("undo");
        })
        .catch(() => {});
      await here.db.transaction(async (tx) => {
        notify(tx, "test_channel", { payload: "1" });
        notify(tx, "test_channel", { payload: "2" });
        await tx.execute("select 1");
        expect(heardHere).toEqual([]);
      });
      expect(heardHere, "at once where it happened").toEqual(["1", "2"]);
      await waitUntil(() => heardThere.length === 2);
      expect(heardThere).toEqual(["1", "2"]);
      notify(there.db, "test_channel", { payload: "3" });
      await waitUntil(() => heardHere.length === 3);
      expect(heardHere, "nothing twice").toEqual(["1", "2", "3"]);
    });

    test("of one process only stay in it", async () => {
      const [here, there] = await openTwo();
      const [heardHere, heardThere] = [hear(here.bus, "own"), hear(there.bus, "own")];
      await Promise.all([here.bus.listening(), there.bus.listening()]);
      notify(here.db, "own", { payload: "local", isForAll: false });
      notify(here.db, "own", { payload: "all" });
      await waitUntil(() => heardThere.length > 0);
      expect({ heardHere, heardThere }).toEqual({ heardHere: ["local", "all"], heardThere: ["all"] });
    });

    test("that many changes cause within moments reach the others as few messages, each news once", async () => {
      const [here, there] = await openTwo();
      const heard = hear(there.bus, "burst");
      await Promise.all([here.bus.listening(), there.bus.listening()]);
      for (let n = 0; n < 500; n += 1) notify(here.db, "burst", { payload: String(n % 3) });
      notify(here.db, "burst", { payload: "end" });
      await waitUntil(() => heard.includes("end"));
      expect(heard).toEqual(["0", "1", "2", "end"]);
    });

    test("after a lost connection every handler is told to look for itself, and hears again, also what was said meanwhile", async () => {
      const [here, there] = await openTwo();
      const heard = hear(there.bus, "again");
      await Promise.all([here.bus.listening(), there.bus.listening()]);
      await cut();
      notify(here.db, "again", { payload: "said while nobody listened" });
      await waitUntil(() => heard.includes(""));
      await untilHeard(here, heard, "again", "back");
    });

    test("a handler that throws harms no other, and one given up hears no more", async () => {
      const [here, there] = await openTwo();
      there.bus.on("late", () => {
        throw new Error("bad handler");
      });
      const heard: string[] = [];
      const stop = there.bus.on("late", (payload) => heard.push(`a${payload}`));
      there.bus.on("late", (payload) => heard.push(`b${payload}`));
      await Promise.all([here.bus.listening(), there.bus.listening()]);
      notify(here.db, "late", { payload: "1" });
      await waitUntil(() => heard.length === 2);
      stop();
      notify(here.db, "late", { payload: "2" });
      await waitUntil(() => heard.length === 3);
      expect(heard).toEqual(["a1", "b1", "b2"]);
    });
  });
});

describe("wakes by PostgreSQL", () => {
  test("go to a channel that is asked for later, and to nobody without a bus", async () => {
    const { bus } = await openProcess();
    await bus.listening();
    const heard = hear(bus, "late");
    await bus.listening();
    notify(database.db, "late", { payload: "unheard: no bus" });
    await database.pool.query("select pg_notify('late', '1')");
    await waitUntil(() => heard.length === 1);
    expect(heard).toEqual(["1"]);
  });

  test("that are more than are kept while the connection is away end up as a call to look at everything", async () => {
    const here = await openProcess();
    hear(here.bus, "flood");
    await here.bus.listening();
    const { rows } = await database.pool.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'agentvine notifications' and datname = current_database()",
    );
    const there = await openProcess();
    const heard = hear(there.bus, "flood");
    await there.bus.listening();
    await database.pool.query("select pg_terminate_backend(pid, 5000) from unnest($1::int[]) pid", [
      rows.map(({ pid }) => pid),
    ]);
    await waitUntil(async () => {
      for (let n = 0; n < 1_500; n += 1) notify(here.db, "flood", { payload: String(n) });
      return heard.includes("");
    });
  });

  test("do not keep a process from closing when the database is gone", async () => {
    const { bus } = await openProcess({ url: "postgres://user@127.0.0.1:1/x" });
    bus.on("never", () => {});
    await bus.close();
    await bus.listening();
  });
});

describe.skipIf(redisServer === undefined)("without Redis, wakes", () => {
  const server = () => redis ?? expect.fail("redis-server is not running");

  test("go on by PostgreSQL when it crashes, and everybody looks for itself when it is back", async () => {
    const options = { redisUrl: server().url };
    const [here, there] = [await openProcess(options), await openProcess(options)];
    const heard = hear(there.bus, "crash");
    await Promise.all([here.bus.listening(), there.bus.listening()]);
    await server().kill();
    notify(here.db, "crash", { payload: "gone" });
    await waitUntil(() => heard.includes("gone"));
    expect(heard).not.toContain("");
    await server().start();
    await waitUntil(() => heard.includes(""));
    await untilHeard(here, heard, "crash", "back");
  });

  test("go on by PostgreSQL while it hangs", async () => {
    const options = { redisUrl: server().url };
    const [here, there] = [await openProcess(options), await openProcess(options)];
    const heard = hear(there.bus, "hang");
    await Promise.all([here.bus.listening(), there.bus.listening()]);
    server().pause();
    try {
      notify(here.db, "hang", { payload: "nobody answers" });
      await waitUntil(() => heard.includes("nobody answers"));
    } finally {
      server().resume();
    }
  });

  test("go by PostgreSQL when it was never there, and nothing waits for it", async () => {
    const options = { redisUrl: "redis://127.0.0.1:9" };
    const [here, there] = [await openProcess(options), await openProcess(options)];
    const heard = hear(there.bus, "never");
    await Promise.all([here.bus.listening(), there.bus.listening()]);
    notify(here.db, "never", { payload: "all the same" });
    await waitUntil(() => heard.includes("all the same"));
  });

  test("are not confused by what others write into the channel", async () => {
    const here = await openProcess({ redisUrl: server().url });
    const heard = hear(here.bus, "foreign");
    await here.bus.listening();
    for (const text of ["", "no json", "{}", '{"from":"x","news":[["foreign"]]}']) {
      await server().client.publish("agentvine:test:wakes", text);
    }
    await server().client.publish(
      "agentvine:test:wakes",
      JSON.stringify({ from: "x", news: [["foreign", "1"]] }),
    );
    await waitUntil(() => heard.length > 0);
    expect(heard).toEqual(["1"]);
  });
});

test("the connections of a bus end with it", async () => {
  const client = new pg.Client(testDatabase.url);
  await client.connect();
  const { bus } = await openProcess();
  await bus.listening();
  await bus.close();
  await waitUntil(async () => {
    const { rowCount } = await client.query(
      "select 1 from pg_stat_activity where application_name = 'agentvine notifications' and datname = current_database()",
    );
    return rowCount === 0;
  });
  await client.end();
});
