import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, isApiError } from "@agentvine/client";
import type { Claim, WorkerCapabilities } from "@agentvine/contracts";
import {
  AppError,
  coerceError,
  connectBackend,
  createLogger,
  isAppError,
  isLoopback,
  type Logger,
  readToken,
  sleep,
  systemClock,
} from "@agentvine/kit";
import type { WorkerConfig } from "../config.ts";
import type { ExecutorSettings } from "../execution/executor-channel.ts";
import type { SandboxFactory } from "../sandbox/sandbox.ts";
import { createSandboxFactory } from "../sandbox/sandbox-factory.ts";
import { executionLayout, pruneLeftovers, removeTree } from "../workspace/layout.ts";
import { type OwnedDataDir, withDataDir } from "./data-dir.ts";
import { startExecutor } from "./executor-handle.ts";
import { ResultOutbox } from "./result-outbox.ts";
import { type RunningWorker, readToolchains, startWorker } from "./worker.ts";
import { createResultApi, createWorkerApi } from "./worker-api.ts";

const packageFile = new URL("../../package.json", import.meta.url);
/** The agent gets this long between TERM and KILL when its task is cancelled. */
const agentStopGraceMs = 10_000;
/** Real agents cut off tool calls at 60 s: none waits longer than this for one reply. */
const answerPollSeconds = 45;

/** What of the process around it a supervisor needs. */
export interface SupervisorHost {
  readonly loadConfig: () => WorkerConfig;
  /** Program of an executor. */
  readonly executorEntry: string;
  /** The line that says it is ready. */
  readonly writeReady: (line: string) => void;
  /** Calls `stop` when the process is asked to end; the returned function stops listening. */
  readonly onStopRequest: (config: WorkerConfig, stop: (reason: string) => void) => () => void;
}

/** What went wrong, as one line for people. Null: it ended in an orderly way. */
export const runSupervisor = async (host: SupervisorHost): Promise<string | null> => {
  try {
    const config = host.loadConfig();
    const logger = createLogger({ name: "worker", level: config.log.level, pretty: config.log.isPretty });
    await withDataDir(config.dataDir, (dir) => runInDataDir(host, config, dir, logger));
    return null;
  } catch (error) {
    return `agentvine: ${coerceError(error).message.replaceAll("\n", " ")} (${codeOf(error)})`;
  }
};

const codeOf = (error: unknown): string =>
  isAppError(error) || isApiError(error) ? error.code : "internal.unexpected";

const runInDataDir = async (
  host: SupervisorHost,
  config: WorkerConfig,
  dir: OwnedDataDir,
  logger: Logger,
): Promise<void> => {
  const starting = new AbortController();
  let worker: RunningWorker | undefined;
  let stopReason: string | undefined;
  const stop = (reason: string): void => {
    stopReason ??= reason;
    starting.abort(new Error(reason));
    worker?.stop(reason);
  };
  const removeHandlers = host.onStopRequest(config, stop);
  const status = {
    pid: process.pid,
    name: config.name,
    serverUrl: config.serverUrl,
    startedAt: new Date().toISOString(),
  };
  try {
    // For people only: a full disk must not keep the worker from saying so to the backend.
    await dir
      .writeStatus({ ...status, workerId: null, state: "starting" })
      .catch((error: unknown) =>
        logger.warn({ err: coerceError(error) }, "the status file can't be written"),
      );
    worker = await prepareWorker(host, config, logger, starting.signal, (workerId) => {
      // The file first: whoever waited for the line may read it at once. A disk that does not take it is no reason to be silent.
      const announce = (): void => {
        host.writeReady(JSON.stringify({ ready: true, workerId, name: config.name }));
      };
      dir.writeStatus({ ...status, workerId, state: "ready" }).then(announce, announce);
    });
    if (stopReason !== undefined) worker.stop(stopReason);
    await worker.done;
  } catch (error) {
    if (stopReason === undefined || worker !== undefined) throw error;
  } finally {
    removeHandlers();
  }
};

const prepareWorker = async (
  { executorEntry }: SupervisorHost,
  config: WorkerConfig,
  logger: Logger,
  signal: AbortSignal,
  onReady: (workerId: string) => void,
): Promise<RunningWorker> => {
  if (!existsSync(executorEntry)) {
    throw new AppError("config.invalid", `${executorEntry} is missing: build or install again`);
  }
  const connection = connectBackend(config);
  const sandbox = createSandboxFactory(config.sandbox, {
    acceptNoSandbox: config.isNoSandboxAccepted,
    toolPath: config.toolPath,
  });
  const [, token, toolchains, leftovers] = await Promise.all([
    sandbox.selfTest(),
    readToken({
      token: config.token,
      tokenFile: config.tokenFile,
      waitMs: config.tokenWaitMs,
      logger,
      clock: systemClock,
      sleep,
      signal,
    }),
    readToolchains(config.toolPath),
    pruneLeftovers(config.dataDir),
  ]);
  if (leftovers.length > 0) logger.info({ leftovers }, "removed what an earlier process left behind");
  if (!sandbox.isConfined) {
    logger.warn(
      { sandbox: sandbox.driver },
      "nothing confines what agents do on this machine: it was accepted",
    );
  }
  const client = createClient({ ...connection, token });
  const outbox = new ResultOutbox({
    dir: join(config.dataDir, "outbox"),
    api: createResultApi(client),
    logger,
    clock: systemClock,
    sleep,
  });
  const settings = executorSettings(config, sandbox);
  return startWorker({
    api: createWorkerApi(client),
    outbox,
    name: config.name,
    version: readVersion(),
    slots: config.slots,
    capabilities: capabilitiesOf(config, sandbox, toolchains),
    config: { limits: config.limits, graceSeconds: config.graceMs / 1_000 },
    dataDir: config.dataDir,
    diskFreeBytesMin: config.limits.diskFreeBytesMin,
    graceMs: config.graceMs,
    startExecutor: (claim: Claim, executionLogger: Logger) =>
      startExecutor({
        entry: executorEntry,
        claim,
        settings,
        env: executorEnvironment(config),
        logger: executionLogger,
      }),
    cleanUpExecution: (executionId) => removeTree(executionLayout(config.dataDir, executionId).root),
    onReady: ({ workerId }) => onReady(workerId),
    logger,
    clock: systemClock,
    sleep,
  });
};

const executorEnvironment = ({ executorEnvironment, modelApiKey }: WorkerConfig): Record<string, string> => ({
  ...executorEnvironment,
  ...(modelApiKey === undefined ? {} : { AGENTVINE_MODEL_API_KEY: modelApiKey }),
});

const executorSettings = (config: WorkerConfig, sandbox: SandboxFactory): ExecutorSettings => ({
  serverUrl: config.serverUrl,
  ...(config.caFile === undefined ? {} : { caFile: config.caFile }),
  dataDir: config.dataDir,
  workerName: config.name,
  // A backend on the loopback interface serves the people of this machine; theirs are its paths.
  isLocalMode: isLoopback(config.serverUrl),
  allowsPrivateHosts: config.allowsPrivateHosts,
  agent: config.agent,
  sandbox: sandbox.driver,
  limits: config.limits,
  stopGraceMs: agentStopGraceMs,
  waiting: { liveMsMax: config.answerWaitMs, pollSeconds: answerPollSeconds },
  logLevel: config.log.level,
});

const capabilitiesOf = (
  config: WorkerConfig,
  sandbox: SandboxFactory,
  toolchains: Record<string, string>,
): WorkerCapabilities => ({
  taskTypes: [...config.taskTypes],
  labels: [...config.labels],
  agents:
    config.agent === null
      ? []
      : [
          {
            driver: config.agent.driver,
            model: config.agent.driver === "builtin" ? config.agent.model : null,
            isScripted: config.agent.isScripted,
          },
        ],
  sandbox: { driver: sandbox.driver, isConfined: sandbox.isConfined },
  toolchains,
});

const readVersion = (): string => {
  try {
    const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
    return typeof version === "string" ? version : "unknown";
  } catch {
    return "unknown"; // an odd installation; nothing depends on it
  }
};
