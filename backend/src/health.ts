import type { Clock } from "@agentvine/kit";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import type { LagMeter } from "./http/lag-meter.ts";
import type { EventSequencer } from "./modules/events/index.ts";
import { createHealthService, type HealthService, type Probe } from "./modules/health/index.ts";
import type { SharedRedis } from "./redis/shared-redis.ts";
import { version } from "./version.ts";

export interface HealthDeps {
  config: BackendConfig;
  clock: Clock;
  database: Database;
  redis: SharedRedis | undefined;
  lag: LagMeter;
  sequencer: EventSequencer;
  /** @throws when the background queue does not answer */
  pingBackgroundQueue: () => Promise<void>;
}

/** A process whose event loop is later than this is worth a look. */
const lagMsFine = 250;

/** Wires what says how the installation is. */
export function wireHealth(deps: HealthDeps): HealthService {
  const { config, clock, database, redis, lag, sequencer, pingBackgroundQueue } = deps;
  const { db, vital } = database;
  return createHealthService({
    ...{ db, vital, clock },
    connections: () => ({ waiting: database.pool.waitingCount, max: config.databaseConnections }),
    version,
    registration: config.accounts === "off" ? null : config.accounts,
    database: config.databaseUrl === undefined ? "embedded" : "external",
    backgroundQueue: config.redisUrl === undefined ? "postgres" : "redis",
    ...(config.runsChores ? { pingBackgroundQueue } : {}),
    probes: {
      ...(redis === undefined ? {} : { redis: probeOf(redis) }),
      ...probesOfProcess(lag, sequencer),
    },
  });
}

const probeOf =
  ({ client }: SharedRedis): Probe =>
  async () => {
    await client.ping();
    return { status: "up", detail: "" };
  };

/** How health looks at what only this process knows. */
function probesOfProcess(lag: LagMeter, sequencer: EventSequencer): Record<string, Probe> {
  return {
    process: async () => {
      const lagMs = lag.lagMs();
      return { status: lagMs > lagMsFine ? "degraded" : "up", detail: `event loop late by ${lagMs} ms` };
    },
    events: async () =>
      sequencer.isLate()
        ? {
            status: "degraded",
            detail: `not shown for ${Math.round(sequencer.lagSeconds())} s: a transaction is held open on the database server`,
          }
        : { status: "up", detail: "" },
  };
}
