import type { Client } from "@agentvine/client";
import {
  type Claim,
  type ClaimRequestInput,
  type Complete,
  endpoints,
  type Fail,
  type Finished,
  type Park,
  type Release,
  type WorkerCommand,
  type WorkerHeartbeat,
  type WorkerHeartbeatReply,
  type WorkerRegistered,
  type WorkerRegisterInput,
} from "@agentvine/contracts";

/** What the supervisor asks of the backend. Every call rejects with ApiError, or with the signal's reason when aborted. */
export interface WorkerApi {
  register(body: WorkerRegisterInput, signal: AbortSignal): Promise<WorkerRegistered>;
  deregister(workerId: string): Promise<void>;
  heartbeat(
    workerId: string,
    body: WorkerHeartbeat,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<WorkerHeartbeatReply>;
  /** Waits up to `waitSeconds` for commands after `after`. */
  commands(
    workerId: string,
    query: { after: number; waitSeconds: number; instanceId: string },
    signal: AbortSignal,
  ): Promise<WorkerCommand[]>;
  /** Waits up to `waitSeconds` for work; undefined when there is none. */
  claim(body: ClaimRequestInput, idempotencyKey: string, signal: AbortSignal): Promise<Claim | undefined>;
}

/** How an attempt ends, with the attempt's own token. */
export interface ResultApi {
  complete(token: string, body: Complete, signal: AbortSignal): Promise<Finished>;
  fail(token: string, body: Fail, signal: AbortSignal): Promise<Finished>;
  release(token: string, body: Release, signal: AbortSignal): Promise<Finished>;
  park(token: string, body: Park, signal: AbortSignal): Promise<Finished>;
}

/** A long poll is given up this long after it should have been answered. */
const pollSlackMs = 10_000;

export const createWorkerApi = (client: Client): WorkerApi => ({
  register: (body, signal) => client.call(endpoints.workers.register, { body, signal, timeoutMs: 10_000 }),
  deregister: async (workerId) => {
    await client.call(endpoints.workers.deregister, {
      params: { workerId },
      query: { force: "false" },
      timeoutMs: 5_000,
    });
  },
  heartbeat: (workerId, body, { timeoutMs, signal }) =>
    client.call(endpoints.workers.heartbeat, { params: { workerId }, body, timeoutMs, signal }),
  commands: async (workerId, query, signal) => {
    const timeoutMs = query.waitSeconds * 1000 + pollSlackMs;
    const reply = await client.call(endpoints.workers.commands, {
      params: { workerId },
      query,
      timeoutMs,
      signal,
    });
    return reply.items;
  },
  claim: (body, idempotencyKey, signal) =>
    client.call(endpoints.queue.claim, {
      body,
      idempotencyKey,
      signal,
      timeoutMs: (body.waitSeconds ?? 25) * 1000 + pollSlackMs,
    }),
});

export const createResultApi = (client: Client): ResultApi => ({
  complete: (token, body, signal) => client.call(endpoints.queue.complete, { token, body, signal }),
  fail: (token, body, signal) => client.call(endpoints.queue.fail, { token, body, signal }),
  release: (token, body, signal) => client.call(endpoints.queue.release, { token, body, signal }),
  park: (token, body, signal) => client.call(endpoints.queue.park, { token, body, signal }),
});
