import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  Claim,
  Controller,
  ErrorResponse,
  Event,
  RequestLease,
  WorkerRequest,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import {
  type BackendProcess,
  createRepository,
  seededRandom,
  startBackend,
  type TempDir,
  tempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

// The backend is killed while it raises, answers, uses or takes the answer to a request, some of the time before its commit and some of
// it behind it. Everybody then asks again, as they do. What must hold is told by the events, which no later try can change.

const rules = `rules:
  - {id: model, effect: automated, kinds: [clarification]}
  - {id: people, effect: human}
`;
const env = (policy: string) => ({
  AGENTVINE_POLICY: policy,
  AGENTVINE_ALLOW_UNRUNNABLE: "true",
  AGENTVINE_CHORES: "false",
  AGENTVINE_LEASE_SECONDS: "3600",
  AGENTVINE_HEARTBEAT_SECONDS: "600",
  AGENTVINE_LOG_LEVEL: "error",
});
const rounds = 3;
const killMsMax = 60;

let dir: TempDir;
let first: BackendProcess;
let backend: BackendProcess;
let keys: { worker: string; controller: string };
let worker: { id: string; instanceId: string };
let controller: { controllerId: string; instanceId: string };
let repository: string;
const random = seededRandom(20_261_126);

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function call(method: string, path: string, body?: object, token = backend.token): Promise<Reply> {
  const response = await fetch(`${backend.url}/api/v1${path}`, {
    ...{ method, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

/** What must work while nothing is broken. */
async function must<T>(reply: Promise<Reply>): Promise<T> {
  const { status, body } = await reply;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body as T;
}

const start = (): Promise<BackendProcess> =>
  startBackend({
    env: env(join(dir.path, "policy.yaml")),
    ...(first === undefined ? {} : { databaseUrl: first.databaseUrl, home: first.home }),
  });

beforeAll(async () => {
  dir = await tempDir("agentvine-killed-");
  await writeFile(join(dir.path, "policy.yaml"), rules);
  first = await start();
  backend = first;
  const key = async (who: string) => (await readFile(join(first.home, `${who}.key`), "utf8")).trim();
  keys = { worker: await key("worker"), controller: await key("controller") };
  repository = (await createRepository(join(dir.path, "repository"), { "a.txt": "a\n" })).path;
  const instanceId = newId();
  const registered = await must<{ worker: { id: string } }>(
    call("POST", "/workers", workerBody(instanceId), keys.worker),
  );
  worker = { id: registered.worker.id, instanceId };
  const made = await must<{ controller: Controller }>(
    call("POST", "/controllers", { name: "c", instanceId, version: "1", model: "x" }, keys.controller),
  );
  controller = { controllerId: made.controller.id, instanceId };
});
afterAll(async () => {
  await backend.stop();
  await first.stop();
  await dir[Symbol.asyncDispose]();
});

const workerBody = (instanceId: string) => ({
  ...{ name: "w", instanceId, version: "1.0.0", maxConcurrentTasks: 100 },
  capabilities: {
    taskTypes: ["docs"],
    labels: [],
    agents: [{ driver: "builtin", model: "x", isScripted: true }],
    sandbox: { driver: "none", isConfined: false },
    toolchains: {},
  },
});

async function run(): Promise<Claim> {
  const task = { title: "Write it", type: "docs", repositoryUrl: repository, permissionLevel: "autonomous" };
  await must(call("POST", "/tasks", task));
  const body = { workerId: worker.id, instanceId: worker.instanceId, taskTypes: ["docs"], slots: 1 };
  return await must<Claim>(call("POST", "/queue/claim", { ...body, waitSeconds: 10 }, keys.worker));
}

let interruptions = 0;

/**
 * Sends a request and kills the backend: every other time a moment later, and else when it has answered, as if the answer had got lost.
 * Then it starts it again and sends the very same once more.
 */
async function interrupted(send: () => Promise<Reply>): Promise<Reply> {
  interruptions += 1;
  const reply = send().catch(() => undefined);
  const isAnswered = interruptions % 2 === 0;
  await (isAnswered ? reply : new Promise((resolve) => setTimeout(resolve, random() * killMsMax)));
  await backend.kill();
  await reply;
  backend = await start();
  return await send();
}

const refOf = ({ workOrder, attempt }: Claim) => ({ workOrderId: workOrder.id, attempt });
const codeOf = ({ body }: Reply) => (body as ErrorResponse).error.code;
const settlements = ["answered", "denied", "unanswered", "expired", "cancelled", "superseded"];

/** Ends the task; the events of its requests, by the last word of their type. Positions are given a moment after the commit, in order. */
async function endAndTell(taskId: string): Promise<string[]> {
  await must(call("POST", `/tasks/${taskId}/cancel`, {}));
  const read = () => must<{ items: Event[] }>(call("GET", `/events?taskId=${taskId}&limit=200`));
  const types = await waitUntil(async () => {
    const found = (await read()).items.map(({ type }) => type);
    return found.includes("task.cancelled") ? found : undefined;
  });
  return types.flatMap((type) => (type.startsWith("worker_request.") ? [type.slice(15)] : []));
}
const countOf = (events: readonly string[], ...words: string[]) =>
  events.filter((word) => words.includes(word)).length;

const command = "make deploy";
const approval = {
  ...{ subject: "tool_call", tool: "run_command", toolClass: "command" },
  ...{ arguments: { command }, command, paths: [] },
};

test.each(Array.from({ length: rounds }, (_, round) => [round]))(
  "killed at every step of leave that a person gives, it is asked for once, given once and used once (round %i)",
  async () => {
    const claim = await run();
    const ask = { ...refOf(claim), callId: newId(), kind: "approval", question: "May I?", approval };
    const raised = await interrupted(() => call("POST", "/worker-requests", ask, claim.attemptToken));
    const { id, generation, status } = raised.body as WorkerRequest;
    expect(status).toBe("human");

    const answer = await interrupted(() =>
      call("POST", `/worker-requests/${id}/answer`, { generation, decision: "allow" }),
    );
    // The first try has won, or the second.
    if (answer.status !== 200) expect(codeOf(answer)).toBe("worker_request.settled");

    const use = { ...refOf(claim), tool: "run_command", arguments: { command } };
    const spent = await interrupted(() =>
      call("POST", `/worker-requests/${id}/spend`, use, claim.attemptToken),
    );
    expect(spent.body).toMatchObject({ id, status: "answered", spentAt: expect.any(String) });

    const events = await endAndTell(claim.task.id);
    expect([countOf(events, "raised"), countOf(events, ...settlements), countOf(events, "spent")]).toEqual([
      1, 1, 1,
    ]);
  },
  180_000,
);

test.each(Array.from({ length: rounds }, (_, round) => [round]))(
  "killed while a controller leases and answers, the request is settled once, by it or by a person (round %i)",
  async () => {
    const claim = await run();
    const ask = {
      ...refOf(claim),
      callId: newId(),
      kind: "clarification",
      question: `Which port? ${newId()}`,
    };
    const { id } = await must<WorkerRequest>(call("POST", "/worker-requests", ask, claim.attemptToken));
    const leased = await interrupted(() =>
      call("POST", "/worker-requests/claim", { ...controller, waitSeconds: 0 }, keys.controller),
    );
    // The first try may have it: then nobody was told, and it is a person's when that lease is over.
    const lease = leased.status === 200 ? (leased.body as RequestLease) : undefined;
    const said = { choice: null, text: "80", confidence: 1, citations: [] };
    if (lease !== undefined) {
      const ref = { controllerId: controller.controllerId, leaseToken: lease.leaseToken, generation: 1 };
      const reply = await interrupted(() =>
        call("POST", `/worker-requests/${id}/automated-answer`, { ...ref, ...said }, keys.controller),
      );
      // It cites nothing, so it was given to people: by the first try, by the second, or when its lease was over.
      if (reply.status !== 200) expect(codeOf(reply)).toMatch(/\.(not_routed|lease_lost)$/);
    }
    const human = await untilPeoples(claim, id);
    const answered = await interrupted(() =>
      call("POST", `/worker-requests/${id}/answer`, { generation: human.generation, text: "81" }),
    );
    if (answered.status !== 200) expect(codeOf(answered)).toBe("worker_request.settled");
    const settled = await must<WorkerRequest>(call("GET", `/worker-requests/${id}`));
    expect(settled.answer).toMatchObject({ source: "person", text: "81" });
    const events = await endAndTell(claim.task.id);
    expect([countOf(events, "raised"), countOf(events, ...settlements)]).toEqual([1, 1]);
  },
  180_000,
);

/** The agent waits, and the request becomes a person's. */
async function untilPeoples(claim: Claim, id: string): Promise<WorkerRequest> {
  for (let tries = 0; tries < 60; tries += 1) {
    const request = await must<WorkerRequest>(call("GET", `/worker-requests/${id}`));
    if (request.status === "human") return request;
    const { workOrderId, attempt } = refOf(claim);
    const query = `workOrderId=${workOrderId}&attempt=${attempt}&waitSeconds=0.5`;
    await must(call("GET", `/worker-requests/${id}/wait?${query}`, undefined, claim.attemptToken));
  }
  throw new Error("nobody was given the request");
}
