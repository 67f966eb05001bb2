import { isApiError } from "@agentvine/client";
import { type RequestLease, requestLeaseSchema } from "@agentvine/contracts";
import { coerceError, type Logger, retryDelayMs, sleep } from "@agentvine/kit";
import type { ControllerApi } from "./controller-api.ts";

export interface MessageReceiverDeps {
  readonly api: Pick<ControllerApi, "claim">;
  readonly controllerId: string;
  readonly instanceId: string;
  readonly waitSeconds: number;
  readonly logger: Logger;
}

const backoff = { baseMs: 200, maxMs: 5_000 };

/** A lease that can be worked on; undefined when it is none of a kind this version knows. */
function validateMessage(message: unknown): RequestLease | undefined {
  return requestLeaseSchema.safeParse(message).data;
}

/** Leases requests one after the other. */
export function createMessageReceiver(deps: MessageReceiverDeps) {
  const { api, controllerId, instanceId, waitSeconds, logger } = deps;
  let failures = 0;

  /** Undefined when the message can't be read. */
  const read = (message: unknown): RequestLease | undefined => {
    const lease = validateMessage(message);
    if (lease === undefined)
      logger.error("a request came that can't be read: a newer controller may know it; a person gets it");
    return lease;
  };

  const pause = async (error: unknown, signal: AbortSignal): Promise<void> => {
    failures += 1;
    const delayMs = retryDelayMs(failures, isApiError(error) ? error.retryAfterMs : undefined, backoff);
    logger.debug({ err: coerceError(error), delayMs }, "no requests can be had, trying again");
    await sleep(delayMs, signal).catch(() => undefined);
  };

  return {
    /**
     * The next request, waited for. Undefined when none came, or the backend is away: ask again.
     * @throws ApiError when the key is refused or another process has our name: asking again changes nothing
     */
    poll: async (signal: AbortSignal): Promise<RequestLease | undefined> => {
      try {
        const message = await api.claim({ controllerId, instanceId, waitSeconds }, signal);
        failures = 0;
        return message === undefined ? undefined : read(message);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (isForGood(error)) throw error;
        await pause(error, signal);
        return undefined;
      }
    },
  };
}

const isForGood = (error: unknown): boolean =>
  isApiError(error) &&
  (error.status === 401 || error.status === 403 || error.code === "controller.superseded");

export type MessageReceiver = ReturnType<typeof createMessageReceiver>;
