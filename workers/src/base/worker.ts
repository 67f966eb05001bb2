import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isApiError, linkSignals } from "@agentvine/client";
import {
  type Claim,
  type HeldOrder,
  type WorkerCapabilities,
  type WorkerCommand,
  type WorkerRegistered,
  workerProtocol,
} from "@agentvine/contracts";
import {
  type AppError,
  type Clock,
  coerceError,
  deferred,
  isAppError,
  type Logger,
  newId,
  retry,
  type sleep,
} from "@agentvine/kit";
import { faultOf, retryAfterMsOf } from "./api-fault.ts";
import { runClaimLoop } from "./claim-loop.ts";
import { CommandInbox } from "./command-inbox.ts";
import { runCommandLoop } from "./command-loop.ts";
import type { ExecutorHandle } from "./executor-handle.ts";
import { assertUnderstood, fatalErrorOf } from "./fatal-fault.ts";
import { type HeldExecutions, runHeartbeatLoop } from "./heartbeat-loop.ts";
import { readDiskFault, readMachineMetrics } from "./machine.ts";
import type { ResultOutbox } from "./result-outbox.ts";
import { RunningExecution } from "./running-execution.ts";
import { Slots } from "./slots.ts";
import type { WorkerApi } from "./worker-api.ts";

export interface WorkerOptions {
  readonly api: WorkerApi;
  readonly outbox: ResultOutbox;
  readonly name: string;
  readonly version: string;
  readonly slots: number;
  readonly capabilities: WorkerCapabilities;
  /** What is shown of the settings; no secrets. */
  readonly config: Record<string, unknown>;
  readonly dataDir: string;
  readonly diskFreeBytesMin: number;
  /** How long a stop may take: work that does not end within half of it is given back. */
  readonly graceMs: number;
  readonly startExecutor: (claim: Claim, logger: Logger) => ExecutorHandle;
  readonly cleanUpExecution: (executionId: string) => Promise<void>;
  /** Called once: registered, and the loops run. */
  readonly onReady: (worker: { workerId: string; name: string }) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
}

export interface RunningWorker {
  /** Takes nothing new; finishes or gives back what it holds within the grace time; deregisters. */
  stop(reason: string): void;
  /** Resolves when it stopped in an orderly way; rejects with the error that ended it. */
  readonly done: Promise<void>;
}

const pollSeconds = 25;
const pingMs = 2_000;
/** What a result may take on its way after the grace time; then it stays on disk for the next start. */
const deliverySlackMs = 2_000;
const registerBackoff = { baseMs: 100, maxMs: 5_000 };

/** Registers, runs the loops, and brings everything to an orderly end. */
export const startWorker = (options: WorkerOptions): RunningWorker => {
  const worker = new WorkerProcess(options);
  return { stop: (reason) => worker.stop(reason), done: worker.run() };
};

class WorkerProcess implements HeldExecutions {
  readonly #options: WorkerOptions;
  readonly #instanceId = newId();
  readonly #slots: Slots;
  readonly #executions = new Map<string, RunningExecution>();
  readonly #inbox: CommandInbox;
  readonly #stopped = deferred<string>();
  /** Told by a signal: from now on the grace time counts. */
  readonly #hurried = deferred<void>();
  readonly #fatal = deferred<AppError>();
  /** Ends the claim loop; then everything else. */
  readonly #claiming = new AbortController();
  readonly #living = new AbortController();
  #registered: WorkerRegistered | undefined;
  #registering: Promise<void> | undefined;
  #claimLoop: Promise<void> = Promise.resolve();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#slots = new Slots(options.slots);
    this.#inbox = new CommandInbox((command) => this.#carryOut(command));
  }

  stop(reason: string): void {
    this.#stopped.resolve(reason);
    this.#hurried.resolve();
    this.#claiming.abort(new Error(reason));
  }

  async run(): Promise<void> {
    const { logger } = this.#options;
    const fatal = this.#fatal.promise.then((error) => Promise.reject(error));
    fatal.catch(() => undefined);
    try {
      await Promise.race([this.#register(this.#claiming.signal), fatal]);
    } catch (error) {
      if (this.#claiming.signal.aborted) return;
      throw error;
    }
    const loops = this.#startLoops();
    try {
      this.#options.onReady({ workerId: this.#workerId, name: this.#options.name });
      const reason = await Promise.race([this.#stopped.promise, fatal]);
      logger.info({ reason, executions: this.#executions.size }, "draining");
      await Promise.race([this.#drain(reason), fatal]);
      this.#living.abort(new Error(reason));
      await this.#allDone();
      await loops;
      await this.#deregister();
    } catch (error) {
      await this.#end(coerceError(error), loops);
      throw error;
    }
  }

  async answering(): Promise<HeldOrder[]> {
    const executions = [...this.#executions.values()];
    const answers = await Promise.all(executions.map((execution) => execution.answers(pingMs)));
    return executions.filter((_, index) => answers[index]).map((execution) => execution.order);
  }

  renew(order: HeldOrder, leaseMs: number, sentAtMs: number): void {
    this.#find(order)?.renew(leaseMs, sentAtMs);
  }

  lose(order: HeldOrder): void {
    const execution = this.#find(order);
    if (execution?.isCancelling !== true) execution?.lose("the backend says that the lease is lost");
  }

  get #workerId(): string {
    return this.#registered?.worker.id ?? "";
  }

  #find({ workOrderId, attempt }: HeldOrder): RunningExecution | undefined {
    const execution = this.#executions.get(workOrderId);
    return execution?.order.attempt === attempt ? execution : undefined;
  }

  /** Tries until the backend takes it: worker and backend may be started in any order. One at a time. */
  async #register(signal: AbortSignal): Promise<void> {
    this.#registering ??= this.#registerOnce(signal).finally(() => {
      this.#registering = undefined;
    });
    await this.#registering;
  }

  async #registerOnce(signal: AbortSignal): Promise<void> {
    const { api, name, version, slots, capabilities, config, logger, clock, sleep } = this.#options;
    const body = {
      name,
      instanceId: this.#instanceId,
      version,
      protocol: workerProtocol.current,
      maxConcurrentTasks: slots,
      capabilities,
      config,
    };
    try {
      this.#registered = await retry(() => api.register(body, signal), {
        ...registerBackoff,
        // A certificate that is not trusted at the first try is a setting that is wrong; later it may have been replaced too late.
        isRetryable: (error) =>
          faultOf(error) === "transient" &&
          (this.#registered !== undefined || !isApiError(error, "server.untrusted")),
        retryAfterMs: retryAfterMsOf,
        signal,
        clock,
        sleep,
        onRetry: (error, attempt, delayMs) =>
          logger.warn({ err: coerceError(error), attempt, delayMs }, "registering failed, trying again"),
      });
      assertUnderstood(this.#registered.protocol, version);
      logger.info({ workerId: this.#workerId, name }, "registered");
    } catch (error) {
      const fatal = isAppError(error) ? error : fatalErrorOf(faultOf(error), error);
      if (fatal !== undefined) this.#fatal.resolve(fatal);
      throw fatal ?? error;
    }
  }

  async #startLoops(): Promise<void> {
    const { api, logger, clock, sleep, dataDir, diskFreeBytesMin } = this.#options;
    const shared = {
      api,
      workerId: () => this.#workerId,
      instanceId: this.#instanceId,
      inbox: this.#inbox,
      readFault: () => readDiskFault(dataDir, diskFreeBytesMin),
      onUnknownWorker: (signal: AbortSignal) => this.#register(signal),
      onFatal: (error: AppError) => this.#fatal.resolve(error),
      logger,
      clock,
      sleep,
    };
    const heartbeat = {
      ...shared,
      executions: this,
      readMetrics: () => readMachineMetrics(dataDir),
      heartbeatMs: this.#registered?.heartbeatMs ?? 15_000,
    };
    const claim = {
      ...shared,
      slots: this.#slots,
      waitSeconds: pollSeconds,
      offer: () => ({
        workerId: this.#workerId,
        instanceId: this.#instanceId,
        taskTypes: [...this.#options.capabilities.taskTypes],
        labels: [...this.#options.capabilities.labels],
      }),
      onClaim: (order: Claim, leaseFromMs: number) => this.#take(order, leaseFromMs),
      onUnwantedClaim: (order: Claim, reason: string) => this.#giveBack(order, reason),
    };
    this.#claimLoop = this.#guard(runClaimLoop(claim, this.#claiming.signal));
    await Promise.all([
      this.#guard(runHeartbeatLoop(heartbeat, this.#living.signal)),
      this.#guard(runCommandLoop({ ...shared, waitSeconds: pollSeconds }, this.#living.signal)),
      this.#claimLoop,
      this.#deliverLeftovers(),
    ]);
  }

  /** A loop that breaks takes the worker down: a worker that claims without heartbeats would lose what it takes. */
  async #guard(loop: Promise<void>): Promise<void> {
    try {
      await loop;
    } catch (error) {
      this.#options.logger.error({ err: coerceError(error) }, "a loop of the worker broke");
      this.#fatal.reject(coerceError(error));
    }
  }

  /** Results that an earlier process of this data directory could not hand in. */
  async #deliverLeftovers(): Promise<void> {
    const { outbox } = this.#options;
    await Promise.all((await outbox.pending()).map((entry) => outbox.deliver(entry, this.#living.signal)));
  }

  #loggerOf(claim: Claim): Logger {
    return this.#options.logger.child({
      taskId: claim.task.id,
      workOrderId: claim.workOrder.id,
      executionId: claim.executionId,
      attempt: claim.attempt,
      correlationId: claim.correlationId,
    });
  }

  #take(claim: Claim, leaseFromMs: number): void {
    const logger = this.#loggerOf(claim);
    const { outbox, clock, sleep, cleanUpExecution } = this.#options;
    const giveSlot = this.#slots.take();
    logger.info({ kind: claim.workOrder.kind, type: claim.task.type }, "work order claimed");
    const execution = new RunningExecution({
      claim,
      leaseFromMs,
      start: () => this.#options.startExecutor(claim, logger),
      outbox,
      cleanUp: cleanUpExecution,
      logger,
      clock,
      sleep,
      signal: this.#living.signal,
    });
    this.#executions.set(claim.workOrder.id, execution);
    void execution.done.then(() => {
      if (this.#executions.get(claim.workOrder.id) === execution) this.#executions.delete(claim.workOrder.id);
      giveSlot();
    });
  }

  async #giveBack(claim: Claim, reason: string): Promise<void> {
    const { outbox } = this.#options;
    const result = { kind: "release" as const, reason };
    const { workOrder, attempt, executionId, attemptToken } = claim;
    const entry = { workOrderId: workOrder.id, attempt, executionId, attemptToken, result };
    using linked = linkSignals(this.#living.signal, AbortSignal.timeout(5_000));
    await outbox.deliver(await outbox.keepIfPossible(entry), linked.signal);
  }

  #carryOut({ type, workOrderId, attempt, reason }: WorkerCommand): void {
    this.#options.logger.info({ type, workOrderId, attempt, reason }, "command");
    // One that only a newer worker knows; and people's messages, which the agent fetches at its next step.
    if (type === "unknown" || type === "message") return;
    if (type === "drain") {
      this.#stopped.resolve(reason || "told to drain");
      this.#claiming.abort(new Error("told to drain"));
      return;
    }
    const execution = workOrderId === null ? undefined : this.#executions.get(workOrderId);
    if (execution === undefined || (attempt !== null && execution.order.attempt !== attempt)) return;
    if (type === "cancel") execution.cancel(reason || "the task was cancelled");
    else execution.lose(reason || "told to stop the attempt");
  }

  /**
   * Lets work finish: as long as it takes when the backend told us to drain, half of the grace time once a signal came. Then it is
   * given back from its last checkpoint, in the other half.
   */
  async #drain(reason: string): Promise<void> {
    const halfMs = this.#options.graceMs / 2;
    const isOver = (async () => {
      await this.#claimLoop;
      await this.#allDone();
    })();
    await Promise.race([isOver, this.#hurried.promise]);
    await this.#atMost(halfMs, isOver);
    for (const execution of this.#executions.values()) execution.drain(reason, halfMs);
    await this.#atMost(halfMs + deliverySlackMs, isOver);
  }

  async #allDone(): Promise<void> {
    await Promise.all([...this.#executions.values()].map((execution) => execution.done));
  }

  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    const enough = new AbortController();
    await Promise.race([work, this.#options.sleep(ms, enough.signal).catch(() => undefined)]);
    enough.abort();
  }

  async #deregister(): Promise<void> {
    const { api, logger } = this.#options;
    try {
      await api.deregister(this.#workerId);
      logger.info({}, "deregistered");
    } catch (error) {
      logger.warn({ err: coerceError(error) }, "deregistering failed; the backend will notice by itself");
    }
  }

  /** Something nothing can go on after: the work is fenced, nothing is handed in. */
  async #end(error: Error, loops: Promise<void>): Promise<void> {
    this.#claiming.abort(error);
    for (const execution of this.#executions.values()) execution.lose(error.message);
    this.#living.abort(error);
    await this.#allDone();
    await loops;
  }
}

/** Versions of what the agents' commands will find, for the list of workers. */
export const readToolchains = async (path: string): Promise<Record<string, string>> => {
  const toolchains: Record<string, string> = { node: process.versions.node };
  try {
    const { stdout } = await promisify(execFile)("git", ["--version"], { env: { PATH: path } });
    toolchains.git = stdout.replace("git version", "").trim();
  } catch {
    // No git: the first checkout says so, with the remedy.
  }
  return toolchains;
};
