import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { AppError, coerceError, connectBackend } from "@agentvine/kit";
import type { EntryPoints } from "./entry-points.ts";
import { type ManagedProcess, startProcess } from "./managed-process.ts";
import { type Supervised, supervise } from "./supervise.ts";

export interface StackOptions {
  readonly entryPoints: EntryPoints;
  readonly home: string;
  readonly host: string;
  readonly port: number;
  /** CA of the backend's certificate, when it has one that is not known everywhere. */
  readonly caFile?: string | undefined;
  /** Environment of the backend, complete. */
  readonly backendEnv: Readonly<Record<string, string>>;
  /** Environment of each worker, complete; its length is the number of workers. */
  readonly workerEnvs: readonly Readonly<Record<string, string>>[];
  /** Environment of the controller, complete; undefined starts none. */
  readonly controllerEnv?: Readonly<Record<string, string>>;
  readonly onLog?: (name: string, line: string) => void;
  readonly onNote: (text: string) => void;
}

/** A running backend with its workers. */
export interface Stack {
  readonly url: string;
  readonly token: string;
  /** Makes whoever opens it the first administrator; null when there is one, and without accounts. */
  readonly setUpUrl: string | null;
  readonly client: Client;
  readonly workers: readonly Supervised[];
  /** Why a worker did not come up; the backend runs all the same. */
  readonly workerFaults: readonly Error[];
  /** Answers what rules route to a model; undefined when there is none, or it did not come up. */
  readonly controller: Supervised | undefined;
  readonly controllerFault: Error | undefined;
  /** Workers first (they hand back what they hold), then the backend. */
  stop(): Promise<void>;
}

/** Starts backend and workers in parallel. @throws AppError when the backend does not start; nothing is left running then. */
export const startStack = async (options: StackOptions): Promise<Stack> => {
  const startBackend = () => start(options, "backend", options.entryPoints.backend, options.backendEnv);
  const startWorker = (index: number) =>
    start(options, workerName(index), options.entryPoints.worker, options.workerEnvs[index] ?? {});
  const backend = startBackend();
  const firsts = options.workerEnvs.map((_, index) => startWorker(index));
  const { controllerEnv, caFile } = options;
  const startController = () =>
    start(options, "controller", options.entryPoints.controller, controllerEnv ?? {});
  const firstController = controllerEnv === undefined ? undefined : startController();
  const ready = await readyOrStopped(backend, [
    ...firsts,
    ...(firstController === undefined ? [] : [firstController]),
  ]);
  const outcomes = await Promise.all(firsts.map((worker) => worker.ready.then(() => undefined, coerceError)));
  const controllerFault = await firstController?.ready.then(() => undefined, coerceError);
  const controller =
    firstController === undefined || controllerFault !== undefined
      ? undefined
      : supervise(firstController, {
          start: startController,
          onRestart: restarted(options, "controller"),
        });
  const token = (await readFile(join(options.home, "token"), "utf8")).trim();
  const supervised = [
    supervise(backend, { start: startBackend, onRestart: restarted(options, "backend") }),
    ...firsts.flatMap((worker, index) =>
      outcomes[index] === undefined
        ? [
            supervise(worker, {
              start: () => startWorker(index),
              onRestart: restarted(options, workerName(index)),
            }),
          ]
        : [],
    ),
  ];
  const url = urlOf(ready);
  return {
    url,
    token,
    setUpUrl: typeof ready.setUpUrl === "string" ? ready.setUpUrl : null,
    client: createClient({ ...connectBackend({ serverUrl: url, caFile, allowsPlainHttp: true }), token }),
    workers: supervised.slice(1),
    workerFaults: outcomes.filter((fault) => fault !== undefined),
    controller,
    controllerFault,
    stop: async () => {
      await Promise.all([...supervised.slice(1).map((worker) => worker.stop()), controller?.stop()]);
      await supervised[0]?.stop();
    },
  };
};

const workerName = (index: number): string => `worker-${index + 1}`;

const start = (
  { onLog }: StackOptions,
  name: string,
  program: string,
  env: Readonly<Record<string, string>>,
): ManagedProcess =>
  startProcess({
    name,
    program,
    env,
    ...(onLog === undefined ? {} : { onLog: (line) => onLog(name, line) }),
  });

const readyOrStopped = async (backend: ManagedProcess, workers: readonly ManagedProcess[]) => {
  try {
    return await backend.ready;
  } catch (error) {
    await Promise.all([...workers, backend].map((process) => process.stop(2_000)));
    throw error;
  }
};

const urlOf = (ready: Readonly<Record<string, unknown>>): string => {
  if (typeof ready.url === "string") return ready.url;
  throw new AppError("internal.unexpected", "the backend did not say where it listens");
};

const restarted =
  ({ onNote }: StackOptions, name: string) =>
  (exit: { code: number | null; signal: string | null }, delayMs: number): void =>
    onNote(
      `${name} ended by itself (${exit.signal ?? `exit code ${exit.code}`}), starting it again in ${(delayMs / 1_000).toFixed(1)} s`,
    );
