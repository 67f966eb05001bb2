import type { About, ComponentHealth, Health } from "@agentvine/contracts";
import { type Clock, sleep } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { readSchemaState, type SchemaState } from "../../database/migrate.ts";
import { shareRead } from "../../database/shared-read.ts";
import {
  countControllers,
  countWorkers,
  readBacklog,
  readServerVersion,
  takesChanges,
} from "./health.repository.ts";
import { overallHealth, type Probe, type ProbeResult } from "./health.ts";

export interface HealthService {
  /** State and latency of each part. */
  health(): Promise<Health>;
  /** Database and migrations alone: may requests be sent here? */
  ready(): Promise<Health>;
  about(): Promise<About>;
}

export interface HealthServiceOptions {
  db: Db;
  /** Connections that are free when all others are in use: what is vital must be known then, too. */
  vital: Db;
  /** Requests that wait for one of the other connections. */
  connections?: () => { waiting: number; max: number };
  clock: Clock;
  version: string;
  database: "embedded" | "external";
  /** Null: local mode. */
  registration: About["registration"];
  backgroundQueue: "postgres" | "redis";
  /** Rejects when the background queue does not answer; left out when this backend does no chores. */
  pingBackgroundQueue?: () => Promise<void>;
  /** Further parts, by name: redis, for example. */
  probes?: Record<string, Probe>;
}

const probeMsMax = 2_000;

async function run(probe: Probe, clock: Clock): Promise<ComponentHealth> {
  const startedMs = clock.monotonicMs();
  const timeout = new AbortController();
  const late = sleep(probeMsMax, timeout.signal).then(
    (): ProbeResult => ({ status: "down", detail: `no answer within ${probeMsMax} ms` }),
  );
  late.catch(() => {});
  // The reason stays in the log of whoever failed: health is open to everybody.
  const result = await Promise.race([probe(), late]).catch(
    (): ProbeResult => ({ status: "down", detail: "can't be reached" }),
  );
  timeout.abort();
  return { ...result, latencyMs: Math.round(clock.monotonicMs() - startedMs) };
}

/** A newer schema serves: versions only add to it while the one before may still run. */
const schemaHealth: Record<SchemaState, ProbeResult> = {
  current: { status: "up", detail: "" },
  behind: { status: "down", detail: "the database lacks migrations of this version" },
  ahead: {
    status: "degraded",
    detail: "a newer version has migrated the database: update this backend too",
  },
};

export function createHealthService(options: HealthServiceOptions): HealthService {
  const { db, vital, clock } = options;
  const startedAt = clock.now().toISOString();
  // Open to everybody, and it reads all that waits.
  const sharedBacklog = shareRead(() => readBacklog(db));

  const database: Probe = async () => {
    if (!(await takesChanges(vital))) {
      return { status: "degraded", detail: "read-only: nothing can be changed" };
    }
    const { waiting, max } = options.connections?.() ?? { waiting: 0, max: 0 };
    return waiting === 0
      ? { status: "up", detail: options.database }
      : {
          status: "degraded",
          detail: `all ${max} connections are in use, ${waiting} request${waiting === 1 ? " waits" : "s wait"}`,
        };
  };
  /** Without changes there is no dispatch: such a backend should get no requests while another could take them. */
  const writableDatabase: Probe = async () => {
    const found = await database();
    return found.detail.startsWith("read-only") ? { ...found, status: "down" } : found;
  };
  const migrations: Probe = async () => {
    const state = await readSchemaState(vital);
    return schemaHealth[state];
  };
  const queue: Probe = async () => {
    const { pending, oldestSeconds } = await sharedBacklog();
    const backlog = `${pending} pending, the oldest for ${oldestSeconds} s`;
    const answers = await (options.pingBackgroundQueue?.() ?? Promise.resolve()).then(
      () => true,
      () => false,
    );
    return answers
      ? { status: "up", detail: backlog }
      : { status: "degraded", detail: `${backlog}; the background queue does not answer` };
  };
  const workers: Probe = async () => {
    const counts = await countWorkers(db);
    const online = (counts.idle ?? 0) + (counts.busy ?? 0) + (counts.draining ?? 0);
    const detail = Object.entries(counts)
      .map(([status, count]) => `${count} ${status}`)
      .join(", ");
    return { status: online > 0 ? "up" : "absent", detail: detail === "" ? "none has registered" : detail };
  };
  const controllers: Probe = async () => {
    const { online, offline, faulty, fault } = await countControllers(db);
    if (online + offline === 0) return { status: "absent", detail: "none has registered: people answer" };
    const counts = `${online} online, ${offline} offline`;
    const detail = faulty === 0 ? counts : `${counts}; ${faulty} can answer nothing: ${fault}`;
    return { status: online > faulty ? "up" : "absent", detail };
  };

  async function look(probes: Record<string, Probe>, vital: string[]): Promise<Health> {
    const entries = await Promise.all(
      Object.entries(probes).map(async ([name, probe]) => [name, await run(probe, clock)] as const),
    );
    return overallHealth(Object.fromEntries(entries), vital);
  }

  return {
    health: () => look({ database, queue, workers, controllers, ...options.probes }, ["database"]),
    ready: () => look({ database: writableDatabase, migrations }, ["database", "migrations"]),
    async about() {
      return {
        name: "agentvine",
        version: options.version,
        apiVersion: "v1",
        mode: options.registration === null ? "local" : "accounts",
        registration: options.registration,
        node: process.versions.node,
        database: { kind: options.database, version: await readServerVersion(db) },
        backgroundQueue: options.backgroundQueue,
        startedAt,
      };
    },
  };
}
