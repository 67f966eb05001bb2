import type { Stats } from "@agentvine/contracts";
import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { route } from "../http/route.ts";

export interface MetricsSources {
  readStats: () => Promise<Stats>;
  /** The database connections, by what they are for. */
  pools: Record<string, { totalCount: number; idleCount: number; waitingCount: number }>;
  /** Seconds for which the oldest event has waited for its position. */
  eventLagSeconds: () => number;
  /** Live connections by what they follow, and how many were cut off so far because they did not read. */
  sockets: { counts: () => Record<string, number>; cutOffs: () => number };
}

/** Registers /metrics: requests by route, queue depth and age, workers, connections, and the process itself. */
export function registerMetrics(app: FastifyInstance, { readStats, ...sources }: MetricsSources): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "agentvine_" });
  observeRequests(app, registry);
  observeDatabase(registry, sources);
  observeSockets(registry, sources.sockets);
  const gauges: Gauges = {
    tasks: gauge(registry, "agentvine_tasks", "Tasks by status", "status"),
    pending: gauge(registry, "agentvine_queue_pending", "Claimable work orders by lane", "lane"),
    oldest: gauge(
      registry,
      "agentvine_queue_oldest_seconds",
      "Age of the oldest claimable work order by lane",
      "lane",
    ),
    workers: gauge(registry, "agentvine_workers", "Workers by status", "status"),
  };
  const databaseUp = new Gauge({
    name: "agentvine_database_up",
    help: "1 while the database answers; without it there are no figures of tasks, queue and workers",
    registers: [registry],
  });
  route(app, endpoints.system.metrics, async ({ reply, request }) => {
    const stats = await readStats().catch((error: unknown) => {
      request.log.warn({ err: error }, "no figures of the database");
      return undefined;
    });
    // From here on nothing waits until the figures are read: scrapes at the same moment don't see half of each other.
    for (const one of Object.values(gauges)) one.reset();
    databaseUp.set(stats === undefined ? 0 : 1);
    if (stats !== undefined) fill(gauges, stats);
    void reply.type(registry.contentType);
    return await registry.metrics();
  });
}

function observeDatabase(
  registry: Registry,
  { pools, eventLagSeconds }: Pick<MetricsSources, "pools" | "eventLagSeconds">,
): void {
  new Gauge({
    name: "agentvine_database_connections",
    help: "Connections to the database by pool and state; requests in state waiting have none",
    labelNames: ["pool", "state"],
    registers: [registry],
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
        this.set({ pool, state: "used" }, totalCount - idleCount);
        this.set({ pool, state: "idle" }, idleCount);
        this.set({ pool, state: "waiting" }, waitingCount);
      }
    },
  });
  new Gauge({
    name: "agentvine_events_lag_seconds",
    help: "How long the oldest event has waited for its position; it rises while a transaction is held open",
    registers: [registry],
    collect() {
      this.set(eventLagSeconds());
    },
  });
}

function observeSockets(registry: Registry, { counts, cutOffs }: MetricsSources["sockets"]): void {
  new Gauge({
    name: "agentvine_sockets",
    help: "Live connections by what they follow",
    labelNames: ["follows"],
    registers: [registry],
    collect() {
      for (const [follows, count] of Object.entries(counts())) this.set({ follows }, count);
    },
  });
  new Counter({
    name: "agentvine_sockets_cut_off_total",
    help: "Live connections that were ended because they did not read; they come back and resume",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(cutOffs());
    },
  });
}

interface Gauges {
  tasks: Gauge<"status">;
  pending: Gauge<"lane">;
  oldest: Gauge<"lane">;
  workers: Gauge<"status">;
}

function fill(gauges: Gauges, stats: Stats): void {
  for (const [status, count] of Object.entries(stats.tasks)) gauges.tasks.set({ status }, count);
  for (const [status, count] of Object.entries(stats.workers)) gauges.workers.set({ status }, count);
  for (const { lane, pending, oldestPendingSeconds } of stats.lanes) {
    gauges.pending.set({ lane }, pending);
    gauges.oldest.set({ lane }, oldestPendingSeconds ?? 0);
  }
}

const gauge = <Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  label: Label,
): Gauge<Label> => new Gauge({ name, help, labelNames: [label], registers: [registry] });

function observeRequests(app: FastifyInstance, registry: Registry): void {
  const labelNames = ["method", "route", "status"] as const;
  const requests = new Counter({
    name: "agentvine_http_requests_total",
    help: "Requests by route and status",
    labelNames,
    registers: [registry],
  });
  const seconds = new Histogram({
    name: "agentvine_http_request_seconds",
    help: "Time to answer by route and status; long polls wait on purpose",
    labelNames,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  });
  app.addHook("onResponse", async (request, reply) => {
    // The pattern, not the address: ids would make a series each.
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? "unknown",
      status: String(reply.statusCode),
    };
    requests.inc(labels);
    seconds.observe(labels, reply.elapsedTime / 1_000);
  });
}
