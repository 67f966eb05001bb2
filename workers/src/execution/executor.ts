import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import type { Claim } from "@agentvine/contracts";
import {
  coerceError,
  connectBackend,
  createLogger,
  deferred,
  type Logger,
  sleep,
  systemClock,
} from "@agentvine/kit";
import { createDriver } from "../agents/index.ts";
import { createSecretRedactor, type SecretRedactor } from "../agents/secret-redactor.ts";
import type { ExecutorEnvironment } from "../config.ts";
import { createSandboxFactory } from "../sandbox/sandbox-factory.ts";
import { createGit } from "../workspace/git.ts";
import { executionLayout } from "../workspace/layout.ts";
import { createAgentServices } from "./agent-services/agent-services.ts";
import { createRelayOpener } from "./agent-services/open-agent-relay.ts";
import { createServiceApi } from "./agent-services/service-api.ts";
import { createDecisionApi } from "./decisions/decision-api.ts";
import { RequestDesk, type RequestDeskOptions } from "./decisions/request-desk.ts";
import { driverConfigOf } from "./driver-choice.ts";
import { createExecutionApi } from "./execution-api.ts";
import type { ExecutionContext } from "./execution-context.ts";
import {
  type AttemptResult,
  type ExecutorSettings,
  type FromExecutor,
  type ToExecutor,
  toExecutorSchema,
} from "./executor-channel.ts";
import { fetchHandedOut, type HandedOut } from "./handed-out.ts";
import { LogStreamer } from "./log-streamer.ts";
import { MetricsRecorder } from "./metrics.ts";
import { failureOf, faultOfError, isLeaseLost } from "./outcome.ts";
import { createPeopleApi, People } from "./people.ts";
import { ProgressReporter } from "./progress.ts";
import { runWorkOrder } from "./run-work-order.ts";
import { StopRequest } from "./stop-request.ts";
import { WaitingTime } from "./waiting-time.ts";

/** The executor's end of the pipe to its supervisor. */
export interface Channel {
  /** Resolves when the message has left. */
  send(message: FromExecutor): Promise<void>;
  onMessage(handle: (message: unknown) => void): void;
  onClose(handle: () => void): void;
}

/**
 * Runs the one work order it is given. Resolves when it may end.
 * @param relayEntry program that agents start to reach this executor
 */
export const runExecutor = async (
  channel: Channel,
  environment: ExecutorEnvironment,
  relayEntry: string,
): Promise<void> => {
  const started = deferred<Extract<ToExecutor, { type: "start" }>>();
  const resultKept = deferred<void>();
  const stop = new StopRequest();
  // Nobody listens any more: whatever came out of this would be handed in by nobody.
  channel.onClose(() => stop.request("lease_lost", "the supervisor is gone"));
  channel.onMessage((raw) => {
    const message = toExecutorSchema.parse(raw);
    switch (message.type) {
      case "start":
        return started.resolve(message);
      case "ping":
        void channel.send({ type: "pong", id: message.id });
        return;
      case "cancel":
        return stop.request("cancelled", message.reason);
      case "drain":
        return stop.request("drained", message.reason);
      case "stop":
        return stop.request("lease_lost", message.reason);
      case "result_kept":
        return resultKept.resolve();
    }
  });
  await channel.send({ type: "ready" });
  const { claim, settings } = await started.promise;
  const known = { redactor: createSecretRedactor([claim.attemptToken, environment.modelApiKey]) };
  const logger = executionLogger(claim, settings, (line) => known.redactor.text(line));
  const onSecrets = (redactor: SecretRedactor): void => {
    known.redactor = redactor;
  };
  const result = await runGuarded({
    ...{ claim, settings, environment, relayEntry, stop, channel },
    ...{ logger, onSecrets },
  });
  if (result === null) {
    await channel.send({ type: "lease_lost", reason: stop.stop?.reason ?? "the lease is lost" });
    return;
  }
  await channel.send({ type: "result", result });
  await resultKept.promise;
};

/** Also when not even the frame of an execution can be made, on a full disk for example, there is a typed result. */
const runGuarded = async (start: Omit<Parts, "client" | "handedOut">): Promise<AttemptResult | null> => {
  try {
    const { claim, settings, stop } = start;
    const { serverUrl, caFile } = settings;
    // The supervisor saw to it that nothing goes out in the clear that must not.
    const connection = connectBackend({ serverUrl, caFile, allowsPlainHttp: true });
    const client = createClient({ ...connection, token: claim.attemptToken });
    const handedOut = await fetchHandedOut(client, claim.workOrder.id, stop.work);
    const context = createContext({ ...start, client, handedOut });
    const result = await runWorkOrder(context);
    await context.log.close();
    return result;
  } catch (error) {
    const { claim, stop, logger } = start;
    if (isLeaseLost(error)) stop.request("lease_lost", coerceError(error).message);
    if (stop.stop?.kind === "lease_lost") return null;
    if (stop.stop?.kind === "drained") return { kind: "release", reason: stop.stop.reason.slice(0, 2_000) };
    logger.error({ err: coerceError(error) }, "the execution could not be run");
    return failureOf(faultOfError(error, stop, claim.workOrder.timeoutSeconds), null);
  }
};

const executionLogger = (claim: Claim, settings: ExecutorSettings, hide: (line: string) => string): Logger =>
  createLogger({ name: "executor", level: settings.logLevel, hide }).child({
    taskId: claim.task.id,
    workOrderId: claim.workOrder.id,
    executionId: claim.executionId,
    attempt: claim.attempt,
    correlationId: claim.correlationId,
  });

interface Parts {
  readonly claim: Claim;
  readonly settings: ExecutorSettings;
  readonly environment: ExecutorEnvironment;
  readonly relayEntry: string;
  readonly stop: StopRequest;
  readonly channel: Channel;
  readonly logger: Logger;
  /** Told what takes all the secrets out, once they are known. */
  readonly onSecrets: (redactor: SecretRedactor) => void;
  /** Carries the attempt's token. */
  readonly client: Client;
  readonly handedOut: HandedOut;
}

/** A cancelled order has no lease either, and the command that says so may be a moment behind. */
const leaseDoubtMs = 1_000;

const createContext = (parts: Parts): ExecutionContext => {
  const { claim, settings, environment, relayEntry, stop, channel, logger, client, handedOut } = parts;
  const ref = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
  const layout = executionLayout(settings.dataDir, claim.executionId);
  mkdirSync(layout.spool, { recursive: true, mode: 0o700 });
  const onLeaseLost = (): void => {
    const reason = "the backend says that the lease is lost";
    setTimeout(() => {
      if (stop.refuse(reason)) void channel.send({ type: "lease_lost", reason });
    }, leaseDoubtMs).unref();
  };
  const { toolPath, modelApiKey } = environment;
  const secrets = [claim.attemptToken, modelApiKey, ...handedOut.secrets];
  const redactor = createSecretRedactor(secrets);
  parts.onSecrets(redactor);
  const api = createExecutionApi(client, claim.executionId, redactor);
  const log = new LogStreamer({
    spoolPath: join(layout.spool, "log.ndjson"),
    send: (chunk, signal) => api.appendLog(chunk, signal),
    secrets,
    onLeaseLost,
    logger,
    clock: systemClock,
    sleep,
  });
  const waiting = new WaitingTime(
    systemClock,
    (isWaiting) => void channel.send({ type: "waiting", isWaiting }),
  );
  const progress = new ProgressReporter({ api, onLeaseLost, logger, signal: stop.lease });
  /** What everything that speaks for the agent shares. */
  const speaking = { secrets, clock: systemClock, sleep, signal: stop.work, onLeaseLost };
  const say: RequestDeskOptions["say"] = (level, message, metadata) =>
    log.say("agent", level, message, metadata);
  const desk = new RequestDesk({
    ...speaking,
    ...settings.waiting,
    ...{ api: createDecisionApi(client, ref), waiting, say },
  });
  const services = createAgentServices({
    ...speaking,
    ...{ api: createServiceApi(client, ref), progress, say },
  });
  return {
    claim,
    settings,
    api,
    layout,
    git: createGit({
      ...{ toolPath, tempDir: layout.host, credential: handedOut.credential },
      isLocalMode: settings.isLocalMode,
      allowsPrivateHosts: settings.allowsPrivateHosts,
    }),
    testEnvironment: handedOut.testEnvironment,
    redactor,
    // The supervisor proved the driver and had it accepted before it claimed anything.
    sandboxes: createSandboxFactory(settings.sandbox, { acceptNoSandbox: true, toolPath }),
    createDriver: () => createDriver(driverConfigOf(settings, claim, modelApiKey)),
    log,
    progress,
    metrics: new MetricsRecorder(systemClock),
    stop,
    waiting,
    desk,
    services,
    openRelay: createRelayOpener({
      ...{ entry: relayEntry, directory: layout.relay, desk, services, logger },
      ...{ ...settings.waiting, clock: systemClock, sleep, signal: stop.work },
    }),
    people: new People({
      api: createPeopleApi(client, ref),
      secrets,
      onLeaseLost,
      logger,
      signal: stop.lease,
    }),
    open: new Set(),
    logger,
  };
};
