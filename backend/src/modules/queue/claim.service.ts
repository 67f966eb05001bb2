import {
  type Claim,
  type ClaimRequest,
  type PolicyContext,
  type TaskType,
  taskTypeSchema,
} from "@agentvine/contracts";
import { AppError, coerceError, type Logger, newId, sleep } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Database } from "../../database/client.ts";
import { isUniqueViolation } from "../../database/database-error.ts";
import type { Notifications } from "../../database/notifications.ts";
import { toTask } from "../tasks/index.ts";
import { assertOwnKey, findWorker, unknownWorker } from "../workers/index.ts";
import { claimKeyIndex, claimOrder, hasClaimableOrder, type Lease } from "./claim.repository.ts";
import { toWorkOrder } from "./order-row.repository.ts";
import { createParkedClaims, type WakeHint } from "./parked-claims.ts";
import type { PreAllowPort } from "./pre-allow.port.ts";
import type { RequestsPort } from "./requests.port.ts";
import { recordResumption } from "./resumption.repository.ts";
import { workChannel } from "./work-channel.repository.ts";

export interface ClaimServiceDeps {
  database: Pick<Database, "db" | "pool">;
  notifications: Pick<Notifications, "on">;
  logger: Logger;
  leaseMs: number;
  issueAttemptToken: (workOrderId: string, attempt: number) => string;
  preAllow: PreAllowPort;
  requests: Pick<RequestsPort, "approvedPlan">;
  /** How often to look for what falls due by itself. */
  sweepMs?: number;
}

export interface ClaimInput {
  actor: Actor;
  body: ClaimRequest;
  /** Without one, the call can't be repeated. */
  idempotencyKey: string | undefined;
  signal: AbortSignal;
}

/** A row that is locked by somebody else is free again within milliseconds. */
const triesMax = 6;
const busyDelayMs = 4;

/** Which claims the announced work may concern; every worker pushes, so a push concerns all. */
function hintOf(payload: string): WakeHint {
  const types = payload.split(",").map((type) => taskTypeSchema.safeParse(type).data);
  const known = types.filter((type): type is TaskType => type !== undefined);
  return known.length === types.length ? { taskTypes: known } : {};
}

/** The lease as the worker gets it. */
const claimOf = ({ order, task, repository, checkpoint, worker: _worker, ...lease }: Lease) => ({
  ...lease,
  workOrder: toWorkOrder(order),
  attempt: order.attempt,
  task: toTask(task),
  repository: {
    ...repository,
    createdAt: repository.createdAt.toISOString(),
    updatedAt: repository.updatedAt.toISOString(),
  },
  checkpoint:
    checkpoint === undefined ? null : { ...checkpoint, createdAt: checkpoint.createdAt.toISOString() },
  correlationId: task.correlationId ?? task.id,
});

/** What the rules may look at before any call is made. */
const policyContextOf = ({ task, repository, worker }: Lease): PolicyContext => ({
  task: {
    type: task.taskType,
    priority: task.priority,
    permissionLevel: task.permissionLevel,
    title: task.title,
  },
  worker: {
    name: worker.name,
    labels: worker.capabilities.labels,
    sandbox: worker.capabilities.sandbox.driver,
    isConfined: worker.capabilities.sandbox.isConfined,
  },
  repository: { url: repository.url, key: repository.canonicalKey },
});

/** Hands orders to workers: at once when there is one, else as soon as one comes within the time the worker waits. */
export function createClaimService(deps: ClaimServiceDeps) {
  const { db, pool } = deps.database;
  const parked = createParkedClaims<Claim>();
  const stopListening = deps.notifications.on(workChannel, (payload) => parked.wake(hintOf(payload)));

  const lease = async (input: ClaimInput, claimKey: string): Promise<Lease | undefined> => {
    const { actor, body } = input;
    const apiKeyId = actor.kind === "worker_key" ? actor.id : null;
    const request = { request: body, apiKeyId, claimKey, leaseMs: deps.leaseMs };
    for (let tries = 1; tries <= triesMax; tries += 1) {
      // The same key claimed at the same moment and won: its lease is there now.
      const leased = await claimOrder(db, request).catch((error: unknown) => {
        if (isUniqueViolation(error, claimKeyIndex)) {
          return "busy" as const;
        }
        throw error;
      });
      if (leased !== "busy") {
        return leased;
      }
      await sleep(busyDelayMs * tries);
    }
    return undefined;
  };

  const attemptClaim = async (
    input: ClaimInput,
    claimKey: string,
    askedAtMs: number,
  ): Promise<Claim | undefined> => {
    // Before the statement: the lease begins no earlier.
    const waitedMs = Math.floor(performance.now() - askedAtMs);
    const leased = await lease(input, claimKey);
    if (leased === undefined) {
      return undefined;
    }
    if (leased.checkpoint !== undefined) {
      await recordResumption(db, leased.executionId, leased.checkpoint.attempt);
    }
    const claim = claimOf(leased);
    const needsPlan = leased.order.kind === "run" && claim.task.permissionLevel === "human_required";
    return {
      ...claim,
      ...(needsPlan
        ? { approvedPlan: await db.transaction((tx) => deps.requests.approvedPlan(tx, claim.task.id)) }
        : {}),
      waitedMs,
      attemptToken: deps.issueAttemptToken(leased.order.id, leased.order.attempt),
      preAllowed: leased.order.kind === "run" ? await deps.preAllow(policyContextOf(leased)) : [],
    };
  };

  /** Why nothing came. @throws AppError `worker.not_found`, `worker.superseded`, `auth.forbidden` */
  const assertMayClaim = async ({ actor, body }: ClaimInput): Promise<void> => {
    const worker = await findWorker(db, body.workerId);
    if (worker === undefined) {
      throw unknownWorker(body.workerId);
    }
    assertOwnKey(actor, worker);
    if (worker.instanceId !== body.instanceId) {
      throw new AppError(
        "worker.superseded",
        `Another process has registered as ${worker.name}: this one must stop.`,
      );
    }
  };

  const sweep = async (): Promise<void> => {
    try {
      if (parked.size > 0 && (await hasClaimableOrder(pool))) {
        parked.wake();
      }
    } catch (error) {
      deps.logger.debug({ err: coerceError(error) }, "could not look for work that fell due");
    }
  };
  const timer = setInterval(() => void sweep(), deps.sweepMs ?? 1_000);
  timer.unref();

  return {
    /**
     * Leases the next order for the worker, or returns the lease it holds under the same key; undefined when time is up, the client
     * is gone or the server stops.
     * @throws AppError `worker.not_found` (register again), `worker.superseded` (stop), `auth.forbidden`
     */
    claim: async (input: ClaimInput): Promise<Claim | undefined> => {
      const askedAtMs = performance.now();
      const { body, signal } = input;
      const claimKey = input.idempotencyKey ?? newId();
      const sinceGeneration = parked.generation();
      const claim = await attemptClaim(input, claimKey, askedAtMs);
      if (claim !== undefined) {
        return claim;
      }
      await assertMayClaim(input);
      return await parked.park({
        taskTypes: body.taskTypes,
        attempt: () => attemptClaim(input, claimKey, askedAtMs),
        waitMs: body.waitSeconds * 1_000,
        signal,
        sinceGeneration,
      });
    },
    /** How many claims wait. */
    waiting: (): number => parked.size,
    /** Sends the waiting claims home and stops looking. */
    stop: (): void => {
      clearInterval(timer);
      stopListening();
      parked.stop();
    },
  };
}

export type ClaimService = ReturnType<typeof createClaimService>;
