import { type Client, isApiError } from "@agentvine/client";
import {
  type AutomatedAnswer,
  type ContextDocument,
  type Controller,
  type ControllerHeartbeat,
  type ControllerRegister,
  endpoints,
  type HandOver,
  type Precedent,
  type RequestLease,
  type WorkerRequest,
} from "@agentvine/contracts";

export interface Registered {
  readonly controller: Controller;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
}

/** A document as a source. */
export interface DocumentSource {
  readonly kind: "document";
  readonly id: string;
  readonly version: number;
  readonly title: string;
  readonly text: string;
}

/** What a controller asks of the backend. Every call rejects with ApiError, or with the signal's reason when aborted. */
export interface ControllerApi {
  register(body: ControllerRegister, signal: AbortSignal): Promise<Registered>;
  heartbeat(controllerId: string, body: ControllerHeartbeat): Promise<void>;
  deregister(controllerId: string, instanceId: string): Promise<void>;
  /** Waits up to `waitSeconds` for a request; undefined when there is none. */
  claim(
    body: { controllerId: string; instanceId: string; waitSeconds: number },
    signal: AbortSignal,
  ): Promise<RequestLease | undefined>;
  renew(requestId: string, body: LeaseRef, signal: AbortSignal): Promise<void>;
  answer(requestId: string, body: AutomatedAnswer): Promise<WorkerRequest>;
  /** Proposes an own answer as a document of the team. */
  proposeDocument(requestId: string, controllerId: string): Promise<ContextDocument>;
  handOver(requestId: string, body: HandOver): Promise<WorkerRequest>;
  precedentsFor(lease: RequestLease, controllerId: string, signal: AbortSignal): Promise<Precedent[]>;
  documentsFor(lease: RequestLease, signal: AbortSignal): Promise<DocumentSource[]>;
}

export interface LeaseRef {
  readonly controllerId: string;
  readonly leaseToken: string;
  readonly generation: number;
}

const pollSlackMs = 10_000;
const timeoutMs = 5_000;

export const createControllerApi = (client: Client): ControllerApi => ({
  register: (body, signal) => client.call(endpoints.controllers.register, { body, signal, timeoutMs }),
  heartbeat: async (controllerId, body) => {
    await client.call(endpoints.controllers.heartbeat, { params: { controllerId }, body, timeoutMs });
  },
  deregister: async (controllerId, instanceId) => {
    const input = { params: { controllerId }, body: { instanceId }, timeoutMs };
    await client.call(endpoints.controllers.deregister, input);
  },
  claim: (body, signal) =>
    client.call(endpoints.workerRequests.claim, {
      body,
      signal,
      timeoutMs: body.waitSeconds * 1_000 + pollSlackMs,
    }),
  renew: async (requestId, body, signal) => {
    await client.call(endpoints.workerRequests.renew, { params: { requestId }, body, signal, timeoutMs });
  },
  answer: (requestId, body) =>
    client.call(endpoints.workerRequests.answerAutomated, { params: { requestId }, body, timeoutMs }),
  proposeDocument: (requestId, controllerId) => {
    const input = { params: { requestId }, body: { controllerId }, timeoutMs };
    return client.call(endpoints.workerRequests.proposeDocument, input);
  },
  handOver: (requestId, body) =>
    client.call(endpoints.workerRequests.handOver, { params: { requestId }, body, timeoutMs }),
  precedentsFor: async ({ request, leaseToken }, controllerId, signal) => {
    const input = {
      params: { requestId: request.id },
      query: { controllerId, leaseToken },
      signal,
      timeoutMs,
    };
    return (await client.call(endpoints.workerRequests.precedentsFor, input)).items;
  },
  documentsFor: async ({ request, task }, signal) => {
    const query = { taskId: task.id, text: request.question.slice(0, 10_000) };
    const { items } = await client.call(endpoints.context.match, { query, signal, timeoutMs });
    return await Promise.all(
      items.map(async ({ documentId, version, title }) => {
        const input = { params: { documentId }, query: { version }, signal, timeoutMs };
        const { content } = await client.call(endpoints.context.get, input);
        return { kind: "document" as const, id: documentId, version, title, text: content };
      }),
    );
  },
});

/** What a failed call about a lease means: it is over, or it may be tried again. */
export const isLeaseOver = (error: unknown): boolean =>
  isApiError(error) && error.status >= 400 && error.status < 500 && !error.retryable && error.status !== 401;
