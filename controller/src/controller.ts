import { isApiError, linkSignals } from "@agentvine/client";
import type { RequestLease } from "@agentvine/contracts";
import { coerceError, type Logger, newId, retry, sleep } from "@agentvine/kit";
import type { ControllerConfig } from "./config.ts";
import { createContextSources } from "./context/context-sources.ts";
import type { ControllerApi, Registered } from "./controller-api.ts";
import { type AutomatedHandler, createAutomatedHandler } from "./handlers/automated-handler.ts";
import { keepLease } from "./lease-keeper.ts";
import { createModelAsker } from "./llm/ask-model.ts";
import { createMessageReceiver, type MessageReceiver } from "./message-receiver.ts";
import { Metrics } from "./metrics.ts";
import { createResponseDispatcher, type ResponseDispatcher } from "./response-dispatcher.ts";

export interface ControllerOptions {
  readonly config: ControllerConfig;
  readonly api: ControllerApi;
  readonly version: string;
  readonly logger: Logger;
  readonly onReady: (controllerId: string) => void;
  /** How long a poll for requests may be held back; 25 s unless told. */
  readonly waitSeconds?: number;
}

const waitSecondsDefault = 25;
/** Why a request is handed over that was thought about when the grace time ended. */
const stopped = "the controller was stopped while it thought";

/**
 * Runs a controller until `stop` fires: it registers, then leases, thinks and answers, several requests at a time. What it holds when it is
 * stopped it finishes within its grace time, or hands to people.
 * @throws when its key is refused, or another process has its name
 */
export async function runController(options: ControllerOptions, stop: AbortSignal): Promise<void> {
  const { config, api, logger } = options;
  const instanceId = newId();
  const registered = await register(options, instanceId, stop).catch((error: unknown) => {
    if (stop.aborted) return undefined;
    throw error;
  });
  if (registered === undefined) return;
  const controllerId = registered.controller.id;
  const metrics = new Metrics();
  const ended = new AbortController();
  const fatal = (error: unknown): void => ended.abort(coerceError(error));
  const beating = beat(options, { ...registered, instanceId, metrics }, ended.signal, fatal);
  const line = createLine(options, { controllerId, instanceId, metrics });
  options.onReady(controllerId);
  using polling = linkSignals(stop, ended.signal);
  const lines = Array.from({ length: config.concurrency }, () =>
    line(polling.signal, ended.signal).catch(fatal),
  );
  await Promise.all(lines);
  const failure = ended.signal.aborted ? ended.signal.reason : undefined;
  ended.abort();
  await beating;
  await api
    .deregister(controllerId, instanceId)
    .catch((error: unknown) => logger.debug({ err: coerceError(error) }, "could not say goodbye"));
  if (failure !== undefined) throw failure;
}

function register(
  { config, api, version, logger }: ControllerOptions,
  instanceId: string,
  signal: AbortSignal,
): Promise<Registered> {
  const { model } = config;
  const body = {
    ...{ name: config.name, instanceId, version },
    model: model?.model ?? null,
    isScripted: model?.isScripted ?? false,
  };
  if (model === null) logger.warn("no model is configured: every question is handed to people");
  return retry(() => api.register(body, signal), {
    baseMs: 200,
    maxMs: 5_000,
    elapsedMsMax: Number.POSITIVE_INFINITY,
    // A certificate that is not trusted at the first try is a setting that is wrong.
    isRetryable: (error) =>
      !isApiError(error) || (error.code !== "server.untrusted" && (error.retryable || error.status >= 500)),
    signal,
  });
}

/** Says that it is there, until it ends. */
async function beat(
  { api, config, logger }: ControllerOptions,
  own: Registered & { instanceId: string; metrics: Metrics },
  signal: AbortSignal,
  fatal: (error: unknown) => void,
): Promise<void> {
  const fault = config.model === null ? "no model is configured" : null;
  while (!signal.aborted) {
    const body = { instanceId: own.instanceId, metrics: own.metrics.snapshot(), fault };
    try {
      // Not cut off when it ends: one that arrives behind the goodbye would call it back to life.
      await api.heartbeat(own.controller.id, body);
    } catch (error) {
      if (isApiError(error) && error.code === "controller.superseded") return fatal(error);
      if (!signal.aborted) logger.warn({ err: coerceError(error) }, "a heartbeat did not get through");
    }
    // Spread a little, so that many do not come at once.
    await sleep(own.heartbeatMs * (0.8 + Math.random() * 0.4), signal).catch(() => undefined);
  }
}

interface Own {
  readonly controllerId: string;
  readonly instanceId: string;
  readonly metrics: Metrics;
}

/** Makes what works on one request after the other. */
function createLine(options: ControllerOptions, { controllerId, instanceId, metrics }: Own) {
  const { config, api, logger, waitSeconds = waitSecondsDefault } = options;
  const receiver: MessageReceiver = createMessageReceiver({
    api,
    controllerId,
    instanceId,
    waitSeconds,
    logger,
  });
  const handler: AutomatedHandler = createAutomatedHandler({
    context: createContextSources(api, logger),
    ask: config.model === null ? undefined : createModelAsker(config.model, config.silenceMsMax),
    controllerId,
  });
  const dispatcher: ResponseDispatcher = createResponseDispatcher({ api, controllerId, metrics });

  /** Never throws: what was not thought to its end is handed over, with the reason. */
  async function think(lease: RequestLease, signal: AbortSignal, lost: AbortSignal) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("the thinking time is over")), config.thinkingMsMax);
    using linked = linkSignals(signal, lost, late.signal);
    try {
      const response = await handler.generateResponse(lease, linked.signal);
      return response.kind === "hand_over" && signal.aborted ? { ...response, reason: stopped } : response;
    } finally {
      clearTimeout(timer);
    }
  }

  async function work(lease: RequestLease, signal: AbortSignal): Promise<void> {
    const { request, correlationId } = lease;
    const { taskId, workOrderId, executionId, attempt, ruleId, policyVersion } = request;
    const log = logger.child({
      ...{ controllerId, controller: config.name, requestId: request.id, generation: request.generation },
      ...{ taskId, workOrderId, executionId, attempt, correlationId, ruleId, policyVersion },
    });
    const lost = new AbortController();
    const release = keepLease(api, lease, controllerId, lost);
    const startedMs = performance.now();
    log.info({ kind: request.kind }, "leased");
    try {
      const response = await think(lease, signal, lost.signal);
      const usage = response.kind === "answer" ? response.body.usage : response.usage;
      if (usage !== null) metrics.noteThinking(performance.now() - startedMs, usage);
      if (lost.signal.aborted) log.info("the request is not ours any more: what was thought is dropped");
      else await dispatcher.dispatch(lease, response, log);
    } catch (error) {
      // Its lease runs out, and a person has it.
      log.error({ err: coerceError(error) }, "a request could not be handled");
    } finally {
      release();
    }
  }

  /** Polls until `polling` fires; what is held then is finished within the grace time. */
  return async (polling: AbortSignal, ended: AbortSignal): Promise<void> => {
    while (!polling.aborted) {
      const lease = await receiver.poll(polling);
      if (lease === undefined) continue;
      const grace = new AbortController();
      const giveUp = (): void => {
        sleep(config.graceMs, grace.signal).then(
          () => grace.abort(new Error("the controller stops")),
          () => undefined,
        );
      };
      if (polling.aborted) giveUp();
      else polling.addEventListener("abort", giveUp, { once: true });
      {
        using linked = linkSignals(grace.signal, ended);
        await work(lease, linked.signal);
      }
      polling.removeEventListener("abort", giveUp);
      grace.abort();
    }
  };
}
