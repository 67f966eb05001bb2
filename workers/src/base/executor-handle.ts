import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Claim } from "@agentvine/contracts";
import { coerceError, deferred, type Logger, sleep, systemClock } from "@agentvine/kit";
import {
  type AttemptResult,
  type ExecutorSettings,
  type FromExecutor,
  fromExecutorSchema,
  type ToExecutor,
} from "../execution/executor-channel.ts";
import { WaitingTime } from "../execution/waiting-time.ts";
import { sweepProcesses } from "../process/sweep-processes.ts";
import { startWatcher } from "../process/watcher.ts";

export interface ExecutorSpec {
  /** Program of the executor. */
  readonly entry: string;
  readonly claim: Claim;
  readonly settings: ExecutorSettings;
  /** The executor's whole environment, the model's key included; the execution's tag is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** How long the program may take to load; 30 s unless told. */
  readonly loadMsMax?: number;
  /** How long a cancelled executor may take before it is killed; 13 s unless told. */
  readonly cancelMsMax?: number;
}

/** What came of an executor: a result of its own, or none and why. */
export type ExecutorEnd =
  | { readonly kind: "result"; readonly result: AttemptResult }
  | {
      readonly kind: "cancelled" | "timed_out" | "drained" | "lease_lost" | "crashed";
      readonly reason: string;
    };

export interface ExecutorHandle {
  readonly pid: number | undefined;
  /** Resolves once, with the first of: a result, the end of the process, the end of our patience. */
  readonly ended: Promise<ExecutorEnd>;
  /** Resolves when the process and everything below it is gone. */
  readonly gone: Promise<void>;
  /** How long it has waited for answers, by its own word. */
  readonly waiting: Pick<WaitingTime, "totalMs">;
  /**
   * True when the executor answers within the time. One that still loads can't answer and counts as alive: how long that may
   * take has a limit of its own, and on a busy machine it is longer than a short lease.
   */
  ping(timeoutMs: number): Promise<boolean>;
  /** TERM to the agent, KILL after its grace; an executor that does not come back in time is killed. */
  cancel(reason: string): void;
  /** Asks for a checkpoint and a release within the time, then kills. */
  drain(reason: string, graceMs: number): void;
  /** The order's time is over and the executor did not notice. */
  timeOut(reason: string): void;
  /** Kills at once; no result is taken any more. */
  fence(reason: string): void;
  /** Tells the executor that its result is safe and it may end. */
  confirmResult(): void;
}

/** Output that rushes through dies young: a small nursery keeps the process small. */
const executorFlags = ["--max-semi-space-size=4"];
const loadMsMaxDefault = 30_000;
const cancelMsMaxDefault = 13_000;
/** After its result is safe an executor has this long to clean up. */
const cleanupMsMax = 30_000;

/**
 * Runs one executor as a process group of its own. Whatever happens to it, `ended` resolves; whatever happens to us, a watcher
 * removes it: the pipe between us is its sign of life in both directions.
 */
export const startExecutor = (spec: ExecutorSpec): ExecutorHandle => {
  const { claim, logger } = spec;
  const child = spawn(process.execPath, [...executorFlags, spec.entry], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...spec.env, AGENTVINE_EXECUTION_ID: claim.executionId },
  });
  const ended = deferred<ExecutorEnd>();
  const gone = deferred<void>();
  const patience = new AbortController();
  const waiting = new WaitingTime(systemClock);

  const send = (message: ToExecutor): void => {
    // A closed channel means that the process is ending: its end is what counts.
    if (child.connected) child.send(message, () => undefined);
  };
  const pings = createPings(send, patience.signal);
  const kill = (): void => {
    // Once it was collected its number may belong to somebody else; what is left below it carries the tag.
    const isOurs = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
    try {
      if (isOurs) process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
    void sweepProcesses(claim.executionId);
  };
  const end = (value: ExecutorEnd): void => ended.resolve(value);
  /** Kills after a while unless the process ended by itself. */
  const losePatience = (kind: Exclude<ExecutorEnd["kind"], "result">, reason: string, ms: number): void => {
    sleep(ms, patience.signal).then(
      () => {
        logger.warn({ kind, ms }, "the executor did not end in time and is killed");
        end({ kind, reason });
        kill();
      },
      () => undefined,
    );
  };

  let isLoading = true;

  const onMessage = (message: FromExecutor): void => {
    if (message.type === "ready") {
      isLoading = false;
      send({ type: "start", claim, settings: spec.settings });
    } else if (message.type === "pong") pings.onPong(message.id);
    else if (message.type === "waiting") message.isWaiting ? waiting.begin() : waiting.end();
    else if (message.type === "phase") logger.debug({ phase: message.phase }, "phase");
    else if (message.type === "result") end({ kind: "result", result: message.result });
    else end({ kind: "lease_lost", reason: message.reason });
  };
  child.on("message", (raw) => {
    const parsed = fromExecutorSchema.safeParse(raw);
    if (parsed.success) return onMessage(parsed.data);
    logger.error({ issues: parsed.error.issues.slice(0, 3) }, "the executor said something unexpected");
    end({ kind: "crashed", reason: "the executor sent a message that is not valid" });
    kill();
  });
  void follow(spec, child).then((reason) => {
    isLoading = false;
    patience.abort();
    end({ kind: "crashed", reason });
    gone.resolve();
  });
  const loaded = once(child, "message", { signal: patience.signal });
  giveUpLoading(loaded, spec.loadMsMax ?? loadMsMaxDefault, patience.signal, () => {
    end({ kind: "crashed", reason: "the executor did not start in time" });
    kill();
  });

  return {
    pid: child.pid,
    waiting,
    ended: ended.promise,
    gone: gone.promise,
    ping: async (timeoutMs) => isLoading || (await pings.ping(timeoutMs)),
    cancel(reason) {
      send({ type: "cancel", reason });
      losePatience("cancelled", reason, spec.cancelMsMax ?? cancelMsMaxDefault);
    },
    drain(reason, graceMs) {
      send({ type: "drain", reason });
      losePatience("drained", reason, graceMs);
    },
    timeOut(reason) {
      end({ kind: "timed_out", reason });
      kill();
    },
    fence(reason) {
      end({ kind: "lease_lost", reason });
      kill();
    },
    confirmResult() {
      send({ type: "result_kept" });
      losePatience("crashed", "the executor did not clean up in time", cleanupMsMax);
    },
  };
};

/** Questions whether the executor is there; each is answered by the pong that carries its number, or too late. */
const createPings = (send: (message: ToExecutor) => void, over: AbortSignal) => {
  const pongs = new Map<number, () => void>();
  let lastId = 0;
  return {
    onPong: (id: number): void => pongs.get(id)?.(),
    async ping(timeoutMs: number): Promise<boolean> {
      lastId += 1;
      const id = lastId;
      const answered = deferred<boolean>();
      pongs.set(id, () => answered.resolve(true));
      send({ type: "ping", id });
      const isLate = sleep(timeoutMs, over).then(
        () => false,
        () => false,
      );
      const isAnswered = await Promise.race([answered.promise, isLate]);
      pongs.delete(id);
      return isAnswered;
    },
  };
};

const giveUpLoading = (
  loaded: Promise<unknown>,
  ms: number,
  signal: AbortSignal,
  giveUp: () => void,
): void => {
  const late = sleep(ms, signal).then(() => "late" as const);
  Promise.race([loaded, late]).then(
    (winner) => {
      if (winner === "late") giveUp();
    },
    () => undefined, // it ended before: its end was told already
  );
};

/** Waits for the end of the process and of everything that carries its tag; says in words how it ended. */
const follow = async (spec: ExecutorSpec, child: ChildProcess): Promise<string> => {
  let reason: string;
  try {
    if (child.pid === undefined) await once(child, "spawn");
    const watcher = startWatcher(spec.claim.executionId, child.pid ?? 0);
    const [code, signal] = await once(child, "exit");
    reason = `the executor ended without a result (${signal ?? `exit code ${code}`})`;
    await sweepProcesses(spec.claim.executionId);
    await watcher.stop();
  } catch (error) {
    reason = `the executor could not be started: ${coerceError(error).message}`;
  }
  return reason;
};
