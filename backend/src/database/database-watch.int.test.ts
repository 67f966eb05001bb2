import { createLogger } from "@agentvine/kit";
import { createDatabase, TcpProxy, type TestDatabase, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { watchDatabase } from "./database-watch.ts";
import { GuardedPool } from "./guarded-pool.ts";

let database: TestDatabase;
let proxy: TcpProxy;
let pool: GuardedPool;
beforeAll(async () => {
  database = await createDatabase();
  proxy = await TcpProxy.start(database.url);
  pool = new GuardedPool({ connectionString: database.url });
  // What is cut while it lies idle tells of it.
  pool.on("error", () => undefined);
});
afterAll(async () => {
  await pool.end();
  await proxy.stop();
  await database.drop();
});

test("a server that speaks to others is slow, not silent: nothing is cut. One that speaks to nobody is", async () => {
  await proxy.set("blackhole");
  const warnings: string[] = [];
  const logger = createLogger({ name: "test", level: "silent" });
  logger.warn = (_fields: object, text?: string) => void warnings.push(text ?? "");
  const look = { intervalMs: 10, answerMsMax: 100 };
  const watch = watchDatabase({ url: proxy.urlOf(database.url), pools: [pool], logger, ...look });
  const startedMs = performance.now();
  // As long as five looks take, none of which is answered, the others hear from it.
  await waitUntil(
    async () => {
      await pool.query("select 1");
      return performance.now() > startedMs + 5 * look.answerMsMax;
    },
    { intervalMs: 5 },
  );
  expect(warnings).toEqual([]);
  await waitUntil(() => warnings.length > 0);
  expect(warnings).toEqual(["the database can't be reached"]);
  await expect(pool.query("select 1")).rejects.toMatchObject({ code: "database.unavailable" });
  await watch.stop();
});
