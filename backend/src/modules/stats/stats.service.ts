import type { Stats, StatsSample, WaitingStats, WaitingStatsQuery } from "@agentvine/contracts";
import type { Db } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import { shareRead } from "../../database/shared-read.ts";
import {
  countClaimed,
  countEndedLastMinute,
  countTasksByStatus,
  countWorkersByStatus,
  deleteOldStatsSamples,
  deleteOldWorkerSamples,
  insertSample,
  listSamples,
  readLaneDepths,
  readWindow,
} from "./stats.repository.ts";
import { readWaiting, readWaitingBy } from "./waiting.repository.ts";

export interface StatsService {
  read(windowSeconds: number): Promise<Stats>;
  /** How long requests of a period waited, in all and per task, rule or person. */
  waiting(query: WaitingStatsQuery): Promise<WaitingStats>;
  series(query: { since?: string | undefined; limit: number }): Promise<StatsSample[]>;
  /** Keeps how things stand now and what ended in the minute before this one, once per minute. */
  sample(): Promise<void>;
  /** Forgets samples, also those of workers, that are older than so many days; returns how many. */
  forgetSamples(days: number): Promise<number>;
}

const online = (workers: Record<string, number>): number =>
  (workers.idle ?? 0) + (workers.busy ?? 0) + (workers.draining ?? 0);

/** Counts, throughput and time to done, now and over time. */
export function createStatsService({ db }: { db: Db }): StatsService {
  // Dashboards and monitors ask for these again and again, and they read much.
  const taskCounts = shareRead(() => countTasksByStatus(db));
  const laneDepths = shareRead(() => readLaneDepths(db));
  return {
    async read(seconds) {
      const [tasks, lanes, workers, window] = await Promise.all([
        taskCounts(),
        laneDepths(),
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
    async waiting(query) {
      const { windowSeconds: seconds, by } = query;
      const [all, items] = await Promise.all([readWaiting(db, seconds), readWaitingBy(db, query)]);
      return { seconds, by, all, items };
    },
    series: ({ since, limit }) => listSamples(db, since === undefined ? undefined : new Date(since), limit),
    async sample() {
      const [lanes, workers, claimed, ended] = await Promise.all([
        readLaneDepths(db),
        countWorkersByStatus(db),
        countClaimed(db),
        countEndedLastMinute(db),
      ]);
      await insertSample(db, { lanes, claimed, ...ended, workersOnline: online(workers) });
    },
    forgetSamples: async (days) =>
      (await inBatches((limit) => deleteOldStatsSamples(db, days, limit))) +
      (await inBatches((limit) => deleteOldWorkerSamples(db, days, limit))),
  };
}
