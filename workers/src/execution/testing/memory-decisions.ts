import { approvalSchema, type RequestAnswer, type WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { apiError } from "../../base/testing/fakes.ts";
import type { DecisionApi } from "../decisions/decision-api.ts";

type Raise = Parameters<DecisionApi["raise"]>[0];
type Route = "allow" | "deny" | "human";

const at = "2026-01-01T00:00:00.000Z";
const nobody: RequestAnswer = {
  source: "person",
  sourceId: null,
  by: "ada",
  decision: null,
  choice: null,
  text: "",
  editedCommand: null,
  scope: "once",
  ruleProposal: null,
  citations: [],
  confidence: null,
  reason: "",
  usage: null,
  answeredAt: at,
};

/** Decides in memory as the backend does: a request is settled once, an approval is used once, an open question is asked once. */
export class MemoryDecisions implements DecisionApi {
  readonly requests = new Map<string, WorkerRequest>();
  /** Ids of the approvals that were used, in their order. */
  readonly spent: string[] = [];
  route: (raise: Raise) => Route = () => "human";
  /** Run before a call is carried out, and after it, before its reply; they may throw. */
  before: (call: keyof DecisionApi) => void = () => undefined;
  after: (call: keyof DecisionApi) => void = () => undefined;
  /** How a held-back reply ends when nobody answers. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #calls = new Map<string, string>();
  #wake: (() => void)[] = [];

  constructor(pause: MemoryDecisions["pause"]) {
    this.pause = pause;
  }

  async raise(body: Raise): Promise<WorkerRequest> {
    this.before("raise");
    const request = this.#find(body) ?? this.#store(body);
    this.#calls.set(body.callId, request.id);
    this.after("raise");
    return request;
  }

  async wait(id: string, waitSeconds: number, signal: AbortSignal): Promise<WorkerRequest> {
    this.before("wait");
    if (this.#get(id).status === "human" && waitSeconds > 0) {
      const given = new AbortController();
      const pause = this.pause(waitSeconds * 1_000, AbortSignal.any([signal, given.signal])).catch(
        () => undefined,
      );
      await Promise.race([pause, new Promise<void>((resolve) => this.#wake.push(resolve))]);
      given.abort();
    }
    signal.throwIfAborted();
    this.after("wait");
    return this.#get(id);
  }

  async spend(id: string): Promise<WorkerRequest> {
    this.before("spend");
    const request = this.#get(id);
    if (request.answer?.decision !== "allow") throw apiError("worker_request.not_allowed");
    if (request.spentAt === null) {
      this.spent.push(id);
      this.requests.set(id, { ...request, spentAt: at });
    }
    this.after("spend");
    return this.#get(id);
  }

  async withdraw(id: string): Promise<WorkerRequest> {
    return this.settle(id, { status: "cancelled", answer: null });
  }

  settle(id: string, change: Partial<WorkerRequest>): WorkerRequest {
    const request = this.#get(id);
    if (request.status !== "human") return request;
    const settled = { ...request, ...change };
    this.requests.set(id, settled);
    for (const wake of this.#wake.splice(0)) wake();
    return settled;
  }

  allow(id: string, answer: Partial<RequestAnswer> = {}): void {
    this.settle(id, { status: "answered", answer: { ...nobody, decision: "allow", ...answer } });
  }

  answer(id: string, text: string): void {
    this.settle(id, { status: "answered", answer: { ...nobody, text } });
  }

  deny(id: string, reason: string): void {
    this.settle(id, { status: "denied", answer: { ...nobody, decision: "deny", reason } });
  }

  /** What is asked and not answered. */
  open(): WorkerRequest[] {
    return [...this.requests.values()].filter(({ status }) => status === "human");
  }

  #get(id: string): WorkerRequest {
    const request = this.requests.get(id);
    if (request === undefined) throw apiError("worker_request.not_found", { status: 404 });
    return request;
  }

  /** The same call again, or the same question that is open or whose answer is not used up. */
  #find(body: Raise): WorkerRequest | undefined {
    const byCall = this.#calls.get(body.callId);
    if (byCall !== undefined) return this.requests.get(byCall);
    const asked = JSON.stringify([body.kind, body.question, body.approval?.arguments]);
    return [...this.requests.values()].findLast(
      ({ kind, question, approval, status, spentAt }) =>
        JSON.stringify([kind, question, approval?.arguments]) === asked &&
        (status === "human" || (status === "answered" && spentAt === null)),
    );
  }

  #store(body: Raise): WorkerRequest {
    const route = this.route(body);
    const answer = { ...nobody, source: "rule" as const, sourceId: "r", by: "rule r", reason: "by rule" };
    const request: WorkerRequest = {
      id: newId(),
      taskId: newId(),
      taskTitle: "",
      taskType: "docs",
      taskPriority: "normal",
      permissionLevel: "autonomous",
      repositoryId: newId(),
      repositoryUrl: "",
      workOrderId: newId(),
      executionId: newId(),
      attempt: 1,
      workerName: "w",
      generation: 1,
      kind: body.kind,
      status: ({ allow: "answered", deny: "denied", human: "human" } as const)[route],
      question: body.question,
      reason: body.reason ?? "",
      options: (body.options ?? []).map(({ description = "", ...option }) => ({ ...option, description })),
      approval: body.approval ? approvalSchema.parse(body.approval) : null,
      ruleId: "r",
      policyVersion: 1,
      routeReason: "",
      assignedTo: null,
      escalations: 0,
      deadlineAt: null,
      onTimeout: "no_answer",
      isParked: false,
      conversationId: null,
      answer: route === "human" ? null : { ...answer, decision: route },
      raisedAt: at,
      settledAt: null,
      deliveredAt: null,
      spentAt: null,
      waitedMs: 0,
      waitedForPeopleMs: 0,
      alikeGroup: "",
      alikeCount: 0,
    };
    this.requests.set(request.id, request);
    return request;
  }
}
