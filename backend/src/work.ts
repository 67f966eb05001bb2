import { isAppError, type Lifecycle, type Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import type { Notifications } from "./database/notifications.ts";
import { requests } from "./decisions.ts";
import type { AuthService } from "./modules/auth/index.ts";
import type { EventService } from "./modules/events/index.ts";
import {
  type AttemptService,
  type ClaimService,
  createAttemptService,
  createClaimService,
  createLeases,
  createOrderService,
  createReaperService,
  defaultRetryPolicy,
  dispatch,
  type OrderService,
  type PreAllowPort,
  registerQueueRoutes,
  startSweeps,
  sweepIntervalMs,
} from "./modules/queue/index.ts";
import type { RepositoryService } from "./modules/repositories/index.ts";
import { createSubtaskService, registerSubtaskRoutes } from "./modules/subtasks/index.ts";
import {
  assertOwnTask,
  createDependencyService,
  createReviewService,
  createTaskService,
  type DispatchPort,
  type ReadArtifactText,
  registerTaskRoutes,
  type TaskService,
} from "./modules/tasks/index.ts";
import {
  createCommandService,
  createHeartbeatService,
  createWorkerService,
  registerWorkerRoutes,
  type WorkerService,
} from "./modules/workers/index.ts";

export interface WorkDeps {
  server: FastifyInstance;
  config: BackendConfig;
  database: Database;
  notifications: Notifications;
  logger: Logger;
  auth: AuthService;
  events: EventService;
  repositories: RepositoryService;
  readArtifactText: ReadArtifactText;
  claimSweepMs: number | undefined;
  preAllow: PreAllowPort;
  background: Lifecycle;
}

export interface Work {
  tasks: TaskService;
  workers: WorkerService;
  orders: OrderService;
  claims: ClaimService;
  attempts: AttemptService;
  /** Takes back lost leases, gives up expired orders, notices vanished workers. */
  sweeps: { stop(): Promise<void> };
}

/** Undefined for a task that does not exist. */
function unlessUnknown(error: unknown): undefined {
  if (!isAppError(error, "task.not_found")) throw error;
}

/** Who cancels the work withdraws what it asked. */
const dispatching: DispatchPort = {
  ...dispatch,
  cancelLive: async (tx, task, reason) => {
    await requests.endLive(tx, task, "cancelled", reason);
    await dispatch.cancelLive(tx, task, reason);
  },
};

/** Wires what the backend is there for: tasks, the queue that dispatches them, and the workers that take them on. */
export function wireWork(deps: WorkDeps): Work {
  const { server, config, database, notifications, logger, background } = deps;
  const { db } = database;
  const leaseMs = config.leaseSeconds * 1_000;
  const retry = { ...defaultRetryPolicy, baseMs: config.retryBaseSeconds * 1_000 };
  const workerDeps = {
    db,
    leases: createLeases({ leaseMs }),
    leaseMs,
    heartbeatMs: config.heartbeatSeconds * 1_000,
  };

  const tasks = createTaskService({
    db,
    dispatch: dispatching,
    repositories: deps.repositories,
    allowsUnrunnable: config.allowsUnrunnable,
  });
  const claims = createClaimService({
    requests,
    database,
    notifications,
    logger,
    leaseMs,
    issueAttemptToken: deps.auth.issueAttemptToken,
    preAllow: deps.preAllow,
    ...(deps.claimSweepMs === undefined ? {} : { sweepMs: deps.claimSweepMs }),
  });
  const orders = createOrderService({ db, allowsUnrunnable: config.allowsUnrunnable, requests });
  const attempts = createAttemptService({ db, retry, requests });
  const workers = createWorkerService(workerDeps);
  const commands = createCommandService({ db, notifications });
  const reaper = createReaperService({ db, retry });

  registerTaskRoutes(server, {
    tasks,
    reviews: createReviewService({ db, dispatch: dispatching, readArtifactText: deps.readArtifactText }),
    dependencies: createDependencyService({ db, dispatch: dispatching }),
    events: deps.events,
  });
  registerSubtaskRoutes(server, createSubtaskService({ db }));
  registerQueueRoutes(server, {
    ...{ claims, attempts, orders },
    assertOwn: (actor, taskId) => assertOwnTask(actor, () => tasks.get(taskId).catch(unlessUnknown)),
  });
  registerWorkerRoutes(server, {
    workers,
    heartbeats: createHeartbeatService({ ...workerDeps, db: database.vital }),
    commands,
  });

  const sweeps = startSweeps({
    sweeps: [
      { name: "lost leases", run: reaper.reapLeases, batchMax: reaper.batchMax },
      { name: "expired orders", run: reaper.expireOrders, batchMax: reaper.batchMax },
      { name: "vanished workers", run: workers.sweepVanished },
    ],
    intervalMs: sweepIntervalMs(leaseMs),
    logger,
  });
  background.add("sweeps", () => sweeps.stop());
  background.add("claims", () => claims.stop());
  background.add("commands", () => commands.stop());
  return { tasks, orders, workers, claims, attempts, sweeps };
}
