import { createLogger, deferred } from "@agentvine/kit";
import { createDatabase, type TestDatabase, waitUntil } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMigratedDatabase } from "../testing/build-test-app.ts";
import { type Database, openDatabase, type Tx } from "./client.ts";
import { notify } from "./commit-wakes.ts";
import { migrateDatabase, readSchemaState } from "./migrate.ts";
import { openNotifications } from "./notifications.ts";
import { dumpSchema } from "./schema-dump.ts";
import { inTransaction } from "./transaction.ts";

let testDatabase: TestDatabase;
let database: Database;
const broken: Error[] = [];

beforeAll(async () => {
  testDatabase = await createMigratedDatabase();
  database = openDatabase({ url: testDatabase.url, onConnectionError: (error) => broken.push(error) });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** Cuts every connection to the database but the one used here, as a restart of PostgreSQL does. */
async function cutConnections(): Promise<void> {
  const client = new pg.Client(testDatabase.url);
  await client.connect();
  await client.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  await client.end();
}

describe("migrations", () => {
  test("three processes that start at once on an empty database all succeed", async () => {
    const empty = await createDatabase();
    const { db, close } = openDatabase({ url: empty.url });
    try {
      expect(await readSchemaState(db)).toBe("behind");
      await Promise.all([1, 2, 3].map(() => migrateDatabase(empty.url)));
      expect(await readSchemaState(db)).toBe("current");
      await db.execute(sql`delete from drizzle.__drizzle_migrations`);
      expect(await readSchemaState(db)).toBe("behind");
    } finally {
      await close();
      await empty.drop();
    }
  });

  test.each([
    ["postgres://user:secret@127.0.0.1:1/x", /127\.0\.0\.1:1 can't be used: .*ECONNREFUSED/],
    ["postgres://user:secret@localhost:1/x", /localhost:1 can't be used: .*ECONNREFUSED/],
  ])("an address nobody answers is told without its password: %s", async (url, message) => {
    const error = await migrateDatabase(url).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "database.unavailable", message: expect.stringMatching(message) });
    expect(String(error)).not.toContain("secret");
  });

  test("refused credentials and a missing database are told", async () => {
    const url = new URL(testDatabase.url);
    url.pathname = "/no_such_database";
    await expect(migrateDatabase(url.href)).rejects.toThrow(/no_such_database/);
    url.password = "wrong";
    await expect(migrateDatabase(url.href)).rejects.toThrow(/password/);
  });

  test("the schema is the one that was reviewed (docs/reference/schema.sql; accept a change with vitest -u)", async () => {
    await expect(await dumpSchema(database.db)).toMatchFileSnapshot("../../../docs/reference/schema.sql");
  });

  test("every foreign key has an index that begins with it", async () => {
    const { rows } = await database.db.execute<{ column: string }>(sql`
      select c.conrelid::regclass || '.' || a.attname as column
      from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'f' and c.connamespace = 'public'::regnamespace
        and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])`);
    expect(rows).toEqual([]);
  });

  test("every status and type takes the words of the contracts and nothing else", async () => {
    for (const statement of [
      "insert into users (id, username, email, role) values (gen_random_uuid(), 'x', 'x', 'root')",
      "insert into events (id, type) values (gen_random_uuid(), 'task.exploded')",
      "insert into task_dependencies (task_id, depends_on_task_id) values ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001')",
    ]) {
      const error = await database.pool.query(statement).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "23514" });
    }
  });
});

describe("transactions", () => {
  test("a serialization failure is tried again, three times at most", async () => {
    let calls = 0;
    const failing = (times: number) =>
      inTransaction(database.db, async (tx) => {
        calls += 1;
        if (calls <= times) {
          await tx.execute(sql`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`);
        }
        return calls;
      });
    expect(await failing(3)).toBe(4);
    calls = 0;
    await expect(failing(10)).rejects.toMatchObject({ cause: { code: "40001" } });
    expect(calls).toBe(4);
  });

  test("two that lock each other out both succeed in the end", async () => {
    await database.db.execute(sql`insert into settings (key, value) values ('a', '0'), ('b', '0')`);
    const haveOne = [deferred<void>(), deferred<void>()] as const;
    let calls = 0;
    const bump = (own: 0 | 1, first: string, second: string) =>
      inTransaction(database.db, async (tx) => {
        calls += 1;
        const add = (key: string) =>
          tx.execute(sql`update settings set value = to_jsonb(value::text::int + 1) where key = ${key}`);
        await add(first);
        haveOne[own].resolve();
        await Promise.all(haveOne.map(({ promise }) => promise));
        await add(second);
      });
    await Promise.all([bump(0, "a", "b"), bump(1, "b", "a")]);
    expect(calls).toBe(3);
    const { rows } = await database.db.execute(sql`select value from settings where key in ('a', 'b')`);
    expect(rows).toEqual([{ value: 2 }, { value: 2 }]);
  });

  test("a transaction within one is undone alone, and tells others only with the outer one", async () => {
    const logger = createLogger({ name: "test", level: "silent" });
    const bus = openNotifications({ database, redis: undefined, logger });
    const heard: string[] = [];
    bus.on("nested", (payload) => heard.push(payload));
    await database.pool.query("create table nested (n int)");
    const put = (tx: Tx, n: number) => {
      notify(tx, "nested", { payload: String(n) });
      return tx.execute(sql`insert into nested values (${n})`);
    };
    await database.db.transaction(async (tx) => {
      await put(tx, 1);
      await tx
        .transaction(async (inner) => {
          await put(inner, 2);
          throw new Error("undo");
        })
        .catch(() => {});
      await tx.transaction(async (inner) => {
        await put(inner, 3);
        await inner.transaction((innermost) => put(innermost, 4));
      });
      expect(heard).toEqual([]);
    });
    expect((await database.pool.query("select n from nested order by n")).rows).toEqual([
      { n: 1 },
      { n: 3 },
      { n: 4 },
    ]);
    expect(heard).toEqual(["1", "3", "4"]);
    await bus.close();
  });

  test("one in which a statement's failure was swallowed is an error, not a success", async () => {
    const swallowed = database.db.transaction((tx) => tx.execute(sql`select 1 / 0`).catch(() => {}));
    await expect(swallowed).rejects.toThrow("rolled back");
  });

  test("another error is not tried again and rolls back", async () => {
    let calls = 0;
    await expect(
      inTransaction(database.db, async (tx) => {
        calls += 1;
        await tx.execute(sql`insert into settings (key, value) values ('rolled', '1')`);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    const { rows } = await database.db.execute(sql`select 1 from settings where key = 'rolled'`);
    expect([calls, rows]).toEqual([1, []]);
  });
});

test("a restart of PostgreSQL ends no process: idle connections are replaced", async () => {
  await Promise.all([1, 2, 3].map(() => database.pool.query("select pg_sleep(0.01)")));
  broken.length = 0;
  await cutConnections();
  await waitUntil(() => broken.length > 0);
  await waitUntil(async () => (await database.pool.query("select 1")).rowCount);
});

describe("a pool", () => {
  test("loses no place to a transaction whose connection broke before it began", async () => {
    const small = openDatabase({ url: testDatabase.url, connectionsMax: 1, connectTimeoutMs: 2_000 });
    await small.db.execute(sql`select 1`);
    small.pool.once("acquire", (client) => void client.end());
    await expect(small.db.transaction(async () => "begun")).rejects.toThrow();
    expect(await small.db.transaction(async () => "begun")).toBe("begun");
    await small.close();
  });
});
