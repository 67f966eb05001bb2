import type { RequestLease, WorkerRequest } from "@agentvine/contracts";
import { coerceError, type Logger, retry } from "@agentvine/kit";
import { type ControllerApi, isLeaseOver } from "./controller-api.ts";
import type { Response } from "./handlers/automated-handler.ts";
import type { Metrics } from "./metrics.ts";

export interface ResponseDispatcherDeps {
  readonly api: ControllerApi;
  readonly controllerId: string;
  readonly metrics: Metrics;
}

/** The lease is soon over anyhow: whoever gets the request then decides. */
const elapsedMsMax = 8_000;

/** Hands in what the controller made of a request, and says in the log what became of it. */
export function createResponseDispatcher({ api, controllerId, metrics }: ResponseDispatcherDeps) {
  const send = (lease: RequestLease, response: Response) => {
    const { request, leaseToken } = lease;
    if (response.kind === "answer") return api.answer(request.id, response.body);
    const ref = { controllerId, leaseToken, generation: request.generation };
    return api.handOver(request.id, { ...ref, reason: response.reason, usage: response.usage });
  };

  /** What rests on people's earlier answers alone is worth a document: people decide. Nothing depends on it. */
  const propose = async (request: WorkerRequest, log: Logger): Promise<void> => {
    const { answer, kind, id } = request;
    const isOfPeople = answer?.citations.every((citation) => citation.kind === "precedent") ?? false;
    if (kind === "approval" || answer?.source !== "controller" || !isOfPeople) return;
    try {
      const { id: documentId, status } = await api.proposeDocument(id, controllerId);
      log.info({ documentId, status }, "proposed as a document");
    } catch (error) {
      log.warn({ err: coerceError(error) }, "the answer could not be proposed as a document");
    }
  };

  return {
    /** Tries again while the backend is away, also when the controller stops: it takes eight seconds at most. A lease that is over is no fault: the request was settled, or is somebody else's now. */
    dispatch: async (lease: RequestLease, response: Response, log: Logger): Promise<void> => {
      try {
        const settled = await retry(() => send(lease, response), {
          baseMs: 200,
          maxMs: 2_000,
          elapsedMsMax,
          isRetryable: (error) => !isLeaseOver(error),
        });
        if (settled.status === "human") {
          metrics.noteHandedOver(response.kind === "answer" ? "bad_reply" : response.cause);
          log.info({ reason: settled.routeReason }, "handed to people");
        } else {
          metrics.noteAnswered();
          log.info({ status: settled.status, confidence: settled.answer?.confidence }, "answered");
          await propose(settled, log);
        }
      } catch (error) {
        if (!isLeaseOver(error)) throw error;
        log.info("the request is not ours any more: the answer is dropped");
      }
    },
  };
}

export type ResponseDispatcher = ReturnType<typeof createResponseDispatcher>;
