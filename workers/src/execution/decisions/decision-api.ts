import type { Client } from "@agentvine/client";
import {
  endpoints,
  type RequestRaiseInput,
  type RequestSpend,
  type WorkerRequest,
} from "@agentvine/contracts";

/** The attempt that asks. */
export interface AttemptRef {
  readonly workOrderId: string;
  readonly attempt: number;
}

/** What an attempt asks of those who decide, with its own token. Each is one try. */
export interface DecisionApi {
  raise(body: Omit<RequestRaiseInput, keyof AttemptRef>, signal: AbortSignal): Promise<WorkerRequest>;
  /** Says how the request stands once it is settled, or after `waitSeconds`. */
  wait(requestId: string, waitSeconds: number, signal: AbortSignal): Promise<WorkerRequest>;
  spend(
    requestId: string,
    call: Pick<RequestSpend, "tool" | "arguments">,
    signal: AbortSignal,
  ): Promise<WorkerRequest>;
  withdraw(requestId: string, reason: string, signal: AbortSignal): Promise<WorkerRequest>;
}

/** A long poll is given up this long after it should have been answered. */
const pollSlackMs = 10_000;

export const createDecisionApi = (client: Client, { workOrderId, attempt }: AttemptRef): DecisionApi => {
  const ref = { workOrderId, attempt };
  return {
    raise: (body, signal) =>
      client.call(endpoints.workerRequests.raise, { body: { ...body, ...ref }, signal, timeoutMs: 20_000 }),
    wait: (requestId, waitSeconds, signal) =>
      client.call(endpoints.workerRequests.wait, {
        params: { requestId },
        query: { ...ref, waitSeconds },
        timeoutMs: waitSeconds * 1_000 + pollSlackMs,
        signal,
      }),
    spend: (requestId, call, signal) =>
      client.call(endpoints.workerRequests.spend, {
        params: { requestId },
        body: { ...call, ...ref },
        signal,
      }),
    withdraw: (requestId, reason, signal) =>
      client.call(endpoints.workerRequests.withdraw, {
        params: { requestId },
        body: { ...ref, reason: reason.slice(0, 2_000) },
        signal,
      }),
  };
};
