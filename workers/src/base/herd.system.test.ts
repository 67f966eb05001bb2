import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, isApiError } from "@agentvine/client";
import { createLogger, sleep, systemClock } from "@agentvine/kit";
import {
  type BackendProcess,
  FaultProxy,
  startBackend,
  type TempDir,
  tempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ResultOutbox } from "./result-outbox.ts";
import { bareCapabilities } from "./testing/fakes.ts";
import { type RunningWorker, startWorker } from "./worker.ts";
import { createResultApi, createWorkerApi, type WorkerApi } from "./worker-api.ts";

const workersCount = 100;
/** Fewer of them may register within the backend's window of ten seconds. */
const registrationsMax = 80;
const logger = createLogger({ name: "test", level: "silent" });

type Kind = "register" | "heartbeat" | "commands" | "claim";

/** One call of one worker, as the worker saw it. */
interface Call {
  readonly worker: string;
  readonly kind: Kind;
  readonly startedMs: number;
  state: "open" | "answered" | "failed";
  endedMs?: number;
  retryAfterMs?: number;
}

describe(`${workersCount} workers at once`, { timeout: 120_000 }, () => {
  let dir: TempDir;
  let backend: BackendProcess;
  let proxy: FaultProxy;
  let workers: RunningWorker[] = [];
  const calls: Call[] = [];
  let ready = 0;
  /** How much faster than real the workers' waiting is. */
  let speed = 1;

  const recorded = async <T>(worker: string, kind: Kind, call: () => Promise<T>): Promise<T> => {
    const one: Call = { worker, kind, startedMs: performance.now(), state: "open" };
    calls.push(one);
    try {
      const answer = await call();
      one.state = "answered";
      return answer;
    } catch (error) {
      one.state = "failed";
      if (isApiError(error) && error.retryAfterMs !== undefined) one.retryAfterMs = error.retryAfterMs;
      throw error;
    } finally {
      one.endedMs = performance.now();
    }
  };
  const aWorker = (name: string, token: string): RunningWorker => {
    const client = createClient({ baseUrl: proxy.url, token });
    const real = createWorkerApi(client);
    const api: WorkerApi = {
      ...real,
      register: (...given) => recorded(name, "register", () => real.register(...given)),
      heartbeat: (...given) => recorded(name, "heartbeat", () => real.heartbeat(...given)),
      commands: (...given) => recorded(name, "commands", () => real.commands(...given)),
      claim: (...given) => recorded(name, "claim", () => real.claim(...given)),
    };
    return startWorker({
      api,
      outbox: new ResultOutbox({
        dir: join(dir.path, name),
        api: createResultApi(client),
        logger,
        clock: systemClock,
        sleep,
      }),
      name,
      version: "0",
      slots: 1,
      capabilities: bareCapabilities,
      config: {},
      dataDir: dir.path,
      diskFreeBytesMin: 0,
      graceMs: 1_000,
      startExecutor: () => {
        throw new Error("there is no work here");
      },
      cleanUpExecution: async () => undefined,
      onReady: () => {
        ready += 1;
      },
      logger,
      clock: systemClock,
      sleep: (ms, signal) => sleep(ms / speed, signal),
    });
  };

  beforeAll(async () => {
    dir = await tempDir();
    backend = await startBackend({
      env: {
        AGENTVINE_HEARTBEAT_SECONDS: "5",
        AGENTVINE_LEASE_SECONDS: "20",
        AGENTVINE_RATE_WORKER_PER_SECOND: String(registrationsMax / 10),
      },
    });
    proxy = await FaultProxy.start(backend.url);
    const token = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
    workers = Array.from({ length: workersCount }, (_, index) => aWorker(`herd-${index}`, token));
  });
  afterAll(async () => {
    speed = 100;
    for (const worker of workers) worker.stop("the test is over");
    await Promise.all(workers.map(({ done }) => done.catch(() => undefined)));
    await proxy?.stop();
    await backend?.stop();
    await dir?.[Symbol.asyncDispose]();
  });

  it("that are too many come back when they were told to and not sooner, spread, until all are in", async () => {
    await waitUntil(() => ready === workersCount, { timeoutMs: 60_000, message: "all workers to be ready" });
    const registrations = calls.filter(({ kind }) => kind === "register");
    const limited = registrations.filter(({ retryAfterMs }) => retryAfterMs !== undefined);
    expect(limited.length).toBeGreaterThanOrEqual(workersCount - registrationsMax);
    const returns = limited.map((refused) => {
      const next = registrations.find(
        (call) => call.worker === refused.worker && call.startedMs > refused.startedMs,
      );
      const waitedMs = (next?.startedMs ?? 0) - (refused.endedMs ?? 0);
      expect(waitedMs, refused.worker).toBeGreaterThanOrEqual((refused.retryAfterMs ?? 0) - 5);
      return next?.startedMs ?? 0;
    });
    // Nobody was told anything but the same moment.
    expect(Math.max(...returns) - Math.min(...returns)).toBeGreaterThan(2_000);
    expect(registrations.length).toBeLessThan(2 * workersCount);
  });

  it("after an outage are all back in bounded time, without a storm", async () => {
    speed = 4;
    proxy.mode = "drop";
    const downMs = performance.now();
    const failed = (): Set<string> =>
      new Set(
        calls
          .filter((call) => call.state === "failed" && call.startedMs > downMs)
          .map(({ worker }) => worker),
      );
    await waitUntil(() => failed().size === workersCount && performance.now() - downMs > 2_000, {
      timeoutMs: 30_000,
      message: "all of them to notice",
    });
    proxy.mode = "pass";
    const upMs = performance.now();
    const count = (kind: Kind, isMeant: (call: Call) => boolean): number =>
      new Set(calls.filter((call) => call.kind === kind && isMeant(call)).map(({ worker }) => worker)).size;
    // What was open before the outage was cut: what is open now waits at the backend.
    const isOpen = ({ state }: Call): boolean => state === "open";
    const isHeard = ({ state, endedMs }: Call): boolean => state === "answered" && (endedMs ?? 0) > upMs;
    const isBack = (): boolean =>
      [count("heartbeat", isHeard), count("claim", isOpen), count("commands", isOpen)].every(
        (back) => back === workersCount,
      );
    await waitUntil(isBack, { timeoutMs: 30_000, message: "all of them to be back", intervalMs: 50 });
    const tookMs = (performance.now() - upMs) * speed;
    const starts = calls.map(({ startedMs }) => startedMs).filter((ms) => ms > upMs);
    const windowMs = 1_000 / speed;
    const peak = Math.max(
      ...starts.map((from) => starts.filter((ms) => ms >= from && ms < from + windowMs).length),
    );
    process.stderr.write(
      `measured: ${workersCount} workers back ${Math.round(tookMs)} ms after an outage, ${starts.length} requests, at most ${peak} in a second\n`,
    );
    expect(peak).toBeLessThan(1.5 * workersCount);
    // In step they would trip over each other and try again and again.
    expect(starts.length).toBeLessThan(5 * workersCount);
  });
});
