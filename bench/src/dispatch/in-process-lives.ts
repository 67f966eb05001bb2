import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completeSchema, taskCreateSchema, workerRegisterSchema } from "@agentvine/contracts";
import { createLogger, newId, systemClock } from "@agentvine/kit";
import type { Actor } from "../../../backend/src/actor.ts";
import { buildApp } from "../../../backend/src/app.ts";
import { readConfig } from "../../../backend/src/config.ts";
import { openDatabase } from "../../../backend/src/database/client.ts";
import { openNotifications } from "../../../backend/src/database/notifications.ts";
import { openSecrets } from "../../../backend/src/modules/secrets/index.ts";
import { benchMasterKey } from "../backend-process.ts";
import { openArtifactRows } from "./artifact-row.ts";
import { resultBody, taskBody, taskTypes, workerBody } from "./life.ts";

/** The backend's own services in this process, without HTTP. */
export interface InProcessSite {
  /** One life of a work order of that caller, by its own worker: create, enqueue, claim, complete. */
  live(caller: number): Promise<void>;
  close(): Promise<void>;
}

const labelOf = (caller: number): string => `caller=${caller}`;

/**
 * Registers a repository and a worker for each caller, with a label that no other has: a caller gets its own orders and no others.
 * Opened again with the same instances, it finds them as they were.
 */
export async function openSite(databaseUrl: string, instanceIds: readonly string[]): Promise<InProcessSite> {
  const home = await mkdtemp(join(tmpdir(), "agentvine-bench-home-"));
  const logger = createLogger({ name: "bench", level: "warn", stream: process.stderr });
  const config = {
    ...readConfig({ AGENTVINE_HOME: home, DATABASE_URL: databaseUrl, AGENTVINE_PORT: "0" }),
    masterKey: benchMasterKey,
    runsChores: false,
    allowsUnrunnable: true,
  };
  const database = openDatabase({ url: databaseUrl });
  const notifications = openNotifications({ database, logger });
  const app = await buildApp({
    config,
    logger,
    clock: systemClock,
    database,
    secrets: await openSecrets({ db: database.db, source: config, logger }),
    notifications,
    redis: undefined,
  });
  await notifications.listening();
  const artifacts = await openArtifactRows(databaseUrl, instanceIds.length);
  const { tasks, orders, workers, claims, attempts } = app.work;
  const userId = app.local.userId;
  const user: Actor = { kind: "user", id: userId, userId, permissions: [] };
  const repository = await app.repositories.create({ url: "https://git.example.org/shop/cart.git" });
  const registered = await Promise.all(
    instanceIds.map(async (instanceId, caller) => {
      const body = workerBody(`bench-${caller}`, instanceId, 1, [labelOf(caller)]);
      const { worker } = await workers.register(user, workerRegisterSchema.parse(body));
      return { workerId: worker.id, instanceId };
    }),
  );

  return {
    live: async (caller) => {
      const worker = registered[caller];
      if (worker === undefined) throw new Error(`there is no worker ${caller}`);
      const body = taskCreateSchema.parse(taskBody(repository.id, labelOf(caller)));
      const task = await tasks.create({ id: newId(), actor: user, body, correlationId: newId() });
      await orders.enqueue({ taskId: task.id });
      const claim = await claims.claim({
        actor: user,
        body: { ...worker, taskTypes: [...taskTypes], labels: [], slots: 1, waitSeconds: 0 },
        idempotencyKey: newId(),
        signal: new AbortController().signal,
      });
      if (claim === undefined) throw new Error("an order was queued and its worker got nothing");
      const artifactId = await artifacts.insert(claim.executionId, claim.task.id);
      const { result, ...ref } = completeSchema.parse(resultBody(claim, artifactId));
      const attempt: Actor = { kind: "attempt", id: ref.workOrderId, userId, permissions: [], attempt: ref };
      await attempts.complete(attempt, { result, ...ref });
    },
    close: async () => {
      await app.background.stop();
      await notifications.close();
      await Promise.all([database.close(), artifacts.close()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}
