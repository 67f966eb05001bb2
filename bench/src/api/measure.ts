import { startBenchBackend } from "../backend-process.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient } from "../http-client.ts";
import { type LoadOptions, type LoadResult, runLoad } from "../load.ts";
import { tellProgress } from "../options.ts";
import { percentile } from "../statistics.ts";
import { startBareRoute } from "./bare-route.ts";
import { fillDatabase } from "./fill.ts";
import { requestsFor } from "./requests.ts";

export interface Speed {
  p50Ms: number;
  p95Ms: number;
  perSecond: number;
}

/** What one request needs with so many tasks. */
export interface RequestSpeed extends Speed {
  name: string;
  isList: boolean;
  isWrite: boolean;
}

export interface SizeResult {
  taskCount: number;
  /** The bare Fastify route, measured right before. */
  bare: Speed;
  requests: RequestSpeed[];
}

const speedOf = ({ latenciesMs, perSecond }: LoadResult): Speed => ({
  p50Ms: percentile(latenciesMs, 0.5),
  p95Ms: percentile(latenciesMs, 0.95),
  perSecond,
});

/** Fills a database with so many tasks and asks a backend over it, one kind of request after the other. */
export async function measureSize(
  cluster: Cluster,
  taskCount: number,
  load: LoadOptions,
): Promise<SizeResult> {
  tellProgress(`filling in ${taskCount} tasks`);
  const databaseUrl = await cluster.createMigrated();
  const filled = await fillDatabase(databaseUrl, taskCount);
  const backend = await startBenchBackend(databaseUrl);
  const http = createHttpClient(backend.url, backend.token);
  try {
    const bare = await measureBare(
      await http.send<object>("GET", `/api/v1/tasks/${filled.taskIds[0]}`),
      load,
    );
    tellProgress(`asking with ${taskCount} tasks`);
    const requests: RequestSpeed[] = [];
    for (const request of requestsFor(taskCount, filled)) {
      const { name, path, method = "GET", body, isList = false, isWrite = false } = request;
      const result = await runLoad(load, () =>
        http.send(method, typeof path === "string" ? path : path(), { body, isDiscarded: true }),
      );
      requests.push({ name, isList, isWrite, ...speedOf(result) });
    }
    return { taskCount, bare, requests };
  } finally {
    http.close();
    await backend.stop();
  }
}

async function measureBare(body: object, load: LoadOptions): Promise<Speed> {
  const bare = await startBareRoute(body);
  const http = createHttpClient(bare.url, "");
  try {
    return speedOf(await runLoad(load, () => http.send("GET", "/tasks/one", { isDiscarded: true })));
  } finally {
    http.close();
    await bare.stop();
  }
}
