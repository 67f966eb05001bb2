import { createLogger } from "@agentvine/kit";
import { createDatabase, TcpProxy, type TcpProxyMode, waitUntil } from "@agentvine/testkit";
import { expect, onTestFinished, test } from "vitest";
import { startJobRunner } from "./job-runner.ts";

test.each<TcpProxyMode>(["refuse", "blackhole"])(
  "chores on PostgreSQL go on by themselves after it was gone (%s)",
  async (mode) => {
    const database = await createDatabase();
    onTestFinished(() => database.drop());
    const proxy = await TcpProxy.start(database.url);
    onTestFinished(() => proxy.stop());
    let runs = 0;
    const runner = startJobRunner({
      databaseUrl: proxy.urlOf(database.url),
      redisUrl: undefined,
      chores: [
        {
          name: "count",
          everySeconds: 0.3,
          run: async () => {
            runs += 1;
            return {};
          },
        },
      ],
      logger: createLogger({ name: "test", level: "silent" }),
      checkMs: 200,
      closeMs: 500,
    });
    onTestFinished(() => runner.stop());
    await waitUntil(() => runs >= 2, { timeoutMs: 15_000 });

    await proxy.set(mode);
    await expect(runner.ping()).rejects.toThrow();
    await proxy.set("pass");
    const before = runs;
    await waitUntil(() => runs >= before + 3, { timeoutMs: 20_000, message: "three more runs" });
    await runner.ping();
  },
  40_000,
);
