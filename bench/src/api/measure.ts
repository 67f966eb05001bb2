import { startBenchBackend } from "../backend-process.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { type LoadOptions, type LoadResult, runLoad } from "../load.ts";
import { tellProgress } from "../options.ts";
import { percentile } from "../statistics.ts";
import { startBareRoute } from "./bare-route.ts";
import { type Filled, fillDatabase } from "./fill.ts";
import { type BenchRequest, requestsFor } from "./requests.ts";

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

/** A backend over a database with so many tasks. */
interface Side {
  taskCount: number;
  http: HttpClient;
  filled: Filled;
  stop(): Promise<void>;
}

async function startSide(cluster: Cluster, taskCount: number): Promise<Side> {
  tellProgress(`filling in ${taskCount} tasks`);
  const databaseUrl = await cluster.createMigrated();
  const filled = await fillDatabase(databaseUrl, taskCount);
  const backend = await startBenchBackend(databaseUrl);
  const http = createHttpClient(backend.url, backend.token);
  return {
    ...{ taskCount, http, filled },
    stop: async () => {
      http.close();
      await backend.stop();
    },
  };
}

/**
 * Asks backends over databases with so many tasks, one kind of request after the other. Each is asked of all sizes before the next: what
 * else the machine does then falls on both alike.
 */
export async function measureSizes(
  cluster: Cluster,
  taskCounts: readonly number[],
  load: LoadOptions,
): Promise<SizeResult[]> {
  const sides: Side[] = [];
  try {
    for (const taskCount of taskCounts) sides.push(await startSide(cluster, taskCount));
    const results: SizeResult[] = [];
    for (const { taskCount, http, filled } of sides) {
      const task = await http.send<object>("GET", `/api/v1/tasks/${filled.taskIds[0]}`);
      results.push({ taskCount, bare: await measureBare(task, load), requests: [] });
    }
    const asked = sides.map(({ taskCount, filled }) => requestsFor(taskCount, filled));
    for (const [turn] of (asked[0] ?? []).entries()) {
      for (const [n, { http }] of sides.entries()) {
        const request = asked[n]?.[turn];
        if (request !== undefined) results[n]?.requests.push(await measureRequest(http, request, load));
      }
    }
    return results;
  } finally {
    for (const side of sides) await side.stop();
  }
}

async function measureRequest(
  http: HttpClient,
  { name, path, method = "GET", body, isList = false, isWrite = false }: BenchRequest,
  load: LoadOptions,
): Promise<RequestSpeed> {
  const result = await runLoad(load, () =>
    http.send(method, typeof path === "string" ? path : path(), { body, isDiscarded: true }),
  );
  return { name, isList, isWrite, ...speedOf(result) };
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
