import pg from "pg";
import { expect, test } from "vitest";
import { testCluster } from "./database.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const open = async (proxy: TcpProxy, connectionTimeoutMillis = 5_000): Promise<pg.Client> => {
  const client = new pg.Client({
    connectionString: proxy.urlOf(testCluster().url),
    connectionTimeoutMillis,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
};
const one = async (client: pg.Client): Promise<unknown> =>
  (await client.query("select 1 as one")).rows[0]?.one;

test("hands on, swallows, lets what was held back flow again, refuses and comes back", async () => {
  const proxy = await TcpProxy.start(testCluster().url);
  const client = await open(proxy);
  expect(await one(client)).toBe(1);

  await proxy.set("blackhole");
  let isAnswered = false;
  const answer = one(client).finally(() => {
    isAnswered = true;
  });
  await expect(open(proxy, 100)).rejects.toThrow(/timeout/);
  expect(isAnswered).toBe(false);
  await proxy.set("pass");
  expect(await answer).toBe(1);

  await proxy.set("refuse");
  await expect(one(client)).rejects.toThrow();
  await expect(open(proxy)).rejects.toThrow(/ECONNREFUSED/);
  expect(proxy.connections).toBe(0);

  await proxy.set("pass");
  const again = await open(proxy);
  expect(await one(again)).toBe(1);
  await again.end();
  await proxy.stop();
});
