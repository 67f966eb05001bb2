import type { HeldOrder, WorkerMetrics } from "@agentvine/contracts";
import {
  type AppError,
  type Clock,
  coerceError,
  type Logger,
  retryDelayMs,
  type sleep,
} from "@agentvine/kit";
import { faultOf, retryAfterMsOf } from "./api-fault.ts";
import type { CommandInbox } from "./command-inbox.ts";
import { fatalErrorOf } from "./fatal-fault.ts";
import type { WorkerApi } from "./worker-api.ts";

/** The executions of this worker as the heartbeat sees them. */
export interface HeldExecutions {
  /** Those whose executor answers a ping just now, and those whose result is being delivered. */
  answering(): Promise<HeldOrder[]>;
  /** @param sentAtMs monotonic time before the heartbeat was sent. */
  renew(order: HeldOrder, leaseMs: number, sentAtMs: number): void;
  /** The attempt no longer holds its lease: stop it, publish nothing. */
  lose(order: HeldOrder): void;
}

export interface HeartbeatLoopOptions {
  readonly api: Pick<WorkerApi, "heartbeat">;
  readonly workerId: () => string;
  readonly instanceId: string;
  readonly executions: HeldExecutions;
  readonly inbox: CommandInbox;
  readonly readMetrics: () => Promise<WorkerMetrics>;
  /** Why no work may be taken now, or null. */
  readonly readFault: () => Promise<string | null>;
  readonly heartbeatMs: number;
  readonly onUnknownWorker: (signal: AbortSignal) => Promise<void>;
  readonly onFatal: (error: AppError) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
  readonly random?: () => number;
}

const jitter = 0.2;
const answerMsMax = 10_000;

/** Renews the leases of the executions that are really alive, tells how the machine is, and brings commands as a fallback. */
export const runHeartbeatLoop = async (options: HeartbeatLoopOptions, signal: AbortSignal): Promise<void> => {
  const random = options.random ?? Math.random;
  let heartbeatMs = options.heartbeatMs;
  let delayMs = intervalMsOf(heartbeatMs, random);
  let failures = 0;
  try {
    while (!signal.aborted) {
      await options.sleep(delayMs, signal);
      try {
        heartbeatMs = await beat(options, heartbeatMs, signal);
        failures = 0;
        delayMs = intervalMsOf(heartbeatMs, random);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if ((await reactTo(options, error, failures, signal)) === "stop") return;
        delayMs = retryMsOf(heartbeatMs, failures, retryAfterMsOf(error), random);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};

/** Evenly spread around the interval. */
const intervalMsOf = (heartbeatMs: number, random: () => number): number =>
  Math.round(heartbeatMs * (1 - jitter + 2 * jitter * random()));

/**
 * After a failure sooner, for leases run out meanwhile, and spread as well. The lease matters more than politeness: nobody who asks for
 * patience makes a worker wait longer than an interval, so that a lease of four of them is asked for several times before it is over.
 */
const retryMsOf = (
  heartbeatMs: number,
  failures: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number => {
  const baseMs = heartbeatMs / 15;
  const wishedMs = baseMs + retryDelayMs(failures, retryAfterMs, { baseMs, maxMs: heartbeatMs, random });
  return Math.min(wishedMs, Math.round(heartbeatMs * (1 - jitter * random())));
};

/** Sends one heartbeat and returns the interval the backend wishes. */
const beat = async (
  options: HeartbeatLoopOptions,
  heartbeatMs: number,
  signal: AbortSignal,
): Promise<number> => {
  const [orders, metrics, fault] = await Promise.all([
    options.executions.answering(),
    options.readMetrics(),
    options.readFault(),
  ]);
  const sentAtMs = options.clock.monotonicMs();
  const reply = await options.api.heartbeat(
    options.workerId(),
    {
      instanceId: options.instanceId,
      orders,
      metrics,
      fault: fault?.slice(0, 1_000) ?? null,
      commandsSeen: options.inbox.seen,
    },
    { timeoutMs: Math.min(answerMsMax, Math.max(1_000, heartbeatMs)), signal },
  );
  for (const { leaseMs, ...order } of reply.renewed) options.executions.renew(order, leaseMs, sentAtMs);
  // Commands first: a cancelled order is among the lost ones too, and its agent gets the time to end by itself.
  options.inbox.accept(reply.commands);
  for (const order of reply.lost) options.executions.lose(order);
  return reply.heartbeatMs;
};

const reactTo = async (
  options: HeartbeatLoopOptions,
  error: unknown,
  failures: number,
  signal: AbortSignal,
): Promise<"stop" | "go_on"> => {
  const fault = faultOf(error);
  const fatal = fatalErrorOf(fault, error);
  if (fatal !== undefined) {
    options.onFatal(fatal);
    return "stop";
  }
  options.logger.warn({ err: coerceError(error), failures }, "heartbeat failed, trying again");
  if (fault === "unknown_worker") await options.onUnknownWorker(signal);
  return "go_on";
};
