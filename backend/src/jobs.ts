import type { Lifecycle, Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import { type ChoreDeps, createChores } from "./jobs/chores.ts";
import type { JobQueue } from "./jobs/job-connection.ts";
import { type JobRunner, startJobRunner } from "./jobs/job-runner.ts";
import { type NoticeWiring, noticeQueue } from "./notices.ts";
import type { SharedRedis } from "./redis/shared-redis.ts";

export interface JobsDeps {
  server: FastifyInstance;
  config: BackendConfig;
  database: Database;
  redis: SharedRedis | undefined;
  logger: Logger;
  background: Lifecycle;
  chores: Omit<ChoreDeps, "notices" | "enqueueNotice" | "retentionDays">;
  telling: NoticeWiring;
}

/** The background queue of this process; nothing while it does no chores, or does not listen yet. */
export interface JobsOnListen {
  queues(): JobQueue[];
  /** @throws AppError `queue.unavailable` */
  ping(): Promise<void>;
}

/** Starts the background work once the server listens: whoever waits for the server need not wait for its chores. */
export function startJobsOnListen(deps: JobsDeps): JobsOnListen {
  const { server, config, database, redis, logger, background, telling } = deps;
  let jobs: JobRunner | undefined;
  server.addHook("onListen", async () => {
    if (!config.runsChores) {
      return;
    }
    jobs = startJobRunner({
      databaseUrl: database.url,
      redisUrl: config.redisUrl,
      redisCaFile: config.redisCaFile,
      ...(redis === undefined ? {} : { redisPrefix: redis.prefix }),
      chores: createChores({
        ...deps.chores,
        retentionDays: config.retentionDays,
        notices: telling.notices,
        enqueueNotice: async (id) => await jobs?.enqueue(noticeQueue, id, 0),
      }),
      deliveries: [telling.delivery],
      logger,
    });
    background.add("jobs", () => jobs?.stop());
    telling.follow(jobs);
  });
  return { queues: () => jobs?.queues() ?? [], ping: async () => await jobs?.ping() };
}
