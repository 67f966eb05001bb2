import type { Stats, StatsSample } from "@agentvine/contracts";
import type { Db } from "../../database/client.ts";
import {
  countClaimed,
  countTasksByStatus,
  countWorkersByStatus,
  deleteOldIdempotencyKeys,
  deleteOldLogLines,
  deleteOldSamples,
  insertSample,
  listSamples,
  readLaneDepths,
  readWindow,
} from "./stats.repository.ts";

/** How many days things are kept that only grow. */
export interface Retention {
  readonly samplesDays: number;
  readonly idempotencyDays: number;
  readonly logLinesDays: number;
}

export const defaultRetention: Retention = { samplesDays: 30, idempotencyDays: 2, logLinesDays: 90 };

const logLinesBatchMax = 50_000;

export interface StatsService {
  read(windowSeconds: number): Promise<Stats>;
  series(query: { since?: string | undefined; limit: number }): Promise<StatsSample[]>;
  /** Keeps how things stand this minute. */
  sample(): Promise<void>;
  /** Forgets what is older than the retention says; returns how many rows of what. */
  retain(retention?: Retention): Promise<{ samples: number; idempotencyKeys: number; logLines: number }>;
}

const online = (workers: Record<string, number>): number =>
  (workers.idle ?? 0) + (workers.busy ?? 0) + (workers.draining ?? 0);

/** Counts, throughput and time to done, now and over time. */
export function createStatsService({ db }: { db: Db }): StatsService {
  return {
    async read(seconds) {
      const [tasks, lanes, workers, window] = await Promise.all([
        countTasksByStatus(db),
        readLaneDepths(db),
        countWorkersByStatus(db),
        readWindow(db, seconds),
      ]);
      const ended = window.completed + window.failed;
      return {
        tasks,
        lanes,
        workers,
        window: {
          ...window,
          seconds,
          successRate: ended === 0 ? null : window.completed / ended,
          throughputPerHour: (window.completed * 3_600) / seconds,
        },
      };
    },
    series: ({ since, limit }) => listSamples(db, since === undefined ? undefined : new Date(since), limit),
    async sample() {
      const [lanes, workers, claimed, window] = await Promise.all([
        readLaneDepths(db),
        countWorkersByStatus(db),
        countClaimed(db),
        readWindow(db, 60),
      ]);
      const { completed, failed } = window;
      await insertSample(db, { lanes, claimed, completed, failed, workersOnline: online(workers) });
    },
    async retain(retention = defaultRetention) {
      return {
        samples: await deleteOldSamples(db, retention.samplesDays),
        idempotencyKeys: await deleteOldIdempotencyKeys(db, retention.idempotencyDays),
        logLines: await deleteOldLogLines(db, retention.logLinesDays, logLinesBatchMax),
      };
    },
  };
}
