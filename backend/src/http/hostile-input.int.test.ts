import { type EndpointShape, endpoints, errorResponseSchema } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cursorOf } from "../modules/inbox/inbox-cursor.ts";
import { secretRequests } from "../testing/hostile-secrets.ts";
import { talkRequests } from "../testing/hostile-talk.ts";
import { hostile, placesIn, replaced } from "../testing/hostile-values.ts";
import { approvalOf, type RequestFixture, requestFixture } from "../testing/request-fixture.ts";
import { buildWorkFixture, commitA, type TestWorker, type WorkFixture } from "../testing/work-fixture.ts";

// One value of a valid request is replaced by something hostile; whatever the route makes of it, it must not break.

interface Input {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  /** The local user's unless told. */
  token?: string;
}

const runs = 400;
const seed = 20_260_101;

let fixture: WorkFixture;
let worker: TestWorker;
let asking: RequestFixture;
beforeAll(async () => {
  fixture = await buildWorkFixture();
  asking = requestFixture(fixture);
  worker = await fixture.registerWorker({ slots: 256 });
});
afterAll(() => fixture.close());

const exampleOf = (endpoint: EndpointShape): Input => (endpoint.example ?? {}) as Input;
const withBody = (endpoint: EndpointShape, change: object): Input["body"] => ({
  ...(exampleOf(endpoint).body as object),
  ...change,
});
const pendingTask = () => fixture.createTask({ enqueue: false });

/** An attempt that runs, with its own token. */
async function running() {
  const task = await fixture.createTask({ priority: "critical" });
  let claim = await fixture.mustClaim(worker);
  // What other requests left in the queue comes first.
  while (claim.task.id !== task.id) claim = await fixture.mustClaim(worker);
  const params = { executionId: claim.executionId };
  const ref = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
  return { claim, params, ref, token: claim.attemptToken };
}

async function inReview(): Promise<string> {
  const { claim } = await running();
  await fixture.complete(claim);
  return claim.task.id;
}

async function failedTask() {
  const { claim } = await running();
  await fixture.fail(claim);
  return { taskId: claim.task.id, workOrderId: claim.workOrder.id };
}

async function parked(): Promise<string> {
  const { claim, ref, token } = await running();
  const checkpointId = await checkpointOf(claim.executionId, claim.task.id, claim.attempt);
  await fixture.app.request("POST", "/api/v1/queue/park", {
    body: { ...ref, checkpointId, reason: "asks" },
    token,
  });
  return claim.workOrder.id;
}

async function transcriptOf(executionId: string, taskId: string): Promise<string> {
  const id = newId();
  const digest = id.replaceAll("-", "").padEnd(64, "0");
  await fixture.sql("insert into blobs (digest, size_bytes) values ($1, 1)", [digest]);
  await fixture.sql(
    `insert into artifacts (id, execution_id, task_id, kind, name, content_type, size_bytes, digest)
     values ($1, $2, $3, 'transcript', $4, 'application/json', 1, $5)`,
    [id, executionId, taskId, `transcript-${id}`, digest],
  );
  return id;
}

async function checkpointOf(executionId: string, taskId: string, attempt: number): Promise<string> {
  const id = newId();
  await fixture.sql(
    `insert into checkpoints (id, task_id, execution_id, attempt, step, driver, base_commit, transcript_artifact_id)
     values ($1, $2, $3, $4, 1, 'builtin', $5, $6)`,
    [id, taskId, executionId, attempt, commitA, await transcriptOf(executionId, taskId)],
  );
  return id;
}

/** A running attempt that asks for leave to run `make it`. */
async function asked() {
  const attempt = await running();
  return { ...attempt, request: await asking.askToRun(attempt.claim, "make it") };
}

const controller = () => ({ name: `controller-${newId()}`, instanceId: newId() });
async function registeredController() {
  const body = { ...controller(), version: "1", model: null };
  const { body: made } = await fixture.app.request<{ controller: { id: string } }>(
    "POST",
    "/api/v1/controllers",
    { body },
  );
  return { params: { controllerId: made.controller.id }, instanceId: body.instanceId };
}

/** A channel that leads nowhere; there is one at a time, as each person may have only so many. */
async function noticeChannel(): Promise<string> {
  await fixture.sql("delete from notice_channels");
  const body = withBody(endpoints.notices.createChannel, { address: `https://nowhere.invalid/${newId()}` });
  const { body: made } = await fixture.app.request<{ channel: { id: string } }>(
    "POST",
    "/api/v1/notice-channels",
    { body },
  );
  return made.channel.id;
}

/** A change on top of the version that is active now. */
async function policyChange(body: object = {}): Promise<object> {
  const { body: active } = await fixture.app.request<{ version: number }>("GET", "/api/v1/policies/active");
  return { ...body, comment: "c", basedOnVersion: active.version };
}

/** What a person proposed with a denial; of critical tasks like these, leave is never made a rule. */
async function ruleProposal(): Promise<string> {
  const { claim } = await running();
  const request = await asking.askToRun(claim, `make ${newId()}`);
  const { body } = await asking.answer(request, { decision: "deny", scope: "rule" });
  return body.answer?.ruleProposal?.id ?? "";
}

const { queue, tasks, workers, executions, notices, system } = endpoints;
const reader = async (query: Record<string, unknown> = {}): Promise<Input> => {
  const { claim } = await running();
  return { params: { executionId: claim.executionId, taskId: claim.task.id }, query };
};

/** A valid request for each endpoint. */
const requests: {
  [G in keyof typeof endpoints]: Record<keyof (typeof endpoints)[G], (() => Promise<Input>) | null>;
} = {
  queue: {
    enqueue: async () => ({
      body: { taskId: (await pendingTask()).id, expiresInSeconds: 60, maxRetries: 1, delaySeconds: 5 },
    }),
    enqueueBatch: async () => ({ body: { items: [{ taskId: (await pendingTask()).id, delaySeconds: 5 }] } }),
    status: async () => ({}),
    orders: async () => ({
      query: { page: 1, pageSize: 5, status: "pending", taskId: newId(), isDeadLetter: "true" },
    }),
    requeue: async () => ({ body: { workOrderId: (await failedTask()).workOrderId } }),
    claim: async () => ({
      token: fixture.app.workerKey,
      body: {
        workerId: worker.id,
        instanceId: worker.instanceId,
        taskTypes: ["docs"],
        labels: ["gpu"],
        slots: 1,
        waitSeconds: 0,
      },
    }),
    complete: async () => {
      const { claim, ref, token } = await running();
      const { bundleArtifactId, diffArtifactId } = await fixture.runResult(claim);
      const { result } = exampleOf(queue.complete).body as { result: object };
      return {
        token,
        body: { ...ref, result: { exitCode: 0, ...result, bundleArtifactId, diffArtifactId } },
      };
    },
    fail: async () => {
      const { ref, token } = await running();
      const { result } = exampleOf(queue.fail).body as { result: object };
      return { token, body: { ...ref, result: { exitCode: 1, retryAfterMs: 5, summary: "", ...result } } };
    },
    release: async () => {
      const { ref, token } = await running();
      return { token, body: { ...ref, reason: "drained" } };
    },
    park: async () => {
      const { claim, ref, token } = await running();
      const checkpointId = await checkpointOf(claim.executionId, claim.task.id, claim.attempt);
      return { token, body: { ...ref, checkpointId, reason: "asks" } };
    },
    resume: async () => ({ body: { workOrderId: await parked(), answer: "yes" } }),
  },
  policies: {
    list: async () => ({ query: { page: 1, pageSize: 5 } }),
    active: async () => ({}),
    get: async () => ({ params: { version: 1 } }),
    diff: async () => ({ params: { version: 1 }, query: { against: 1 } }),
    create: async () => ({ body: await policyChange({ yaml: "rules: []" }) }),
    activate: async () => ({ params: { version: 1 }, body: await policyChange() }),
    simulate: async () => ({
      body: { yaml: "rules: []", limit: 5, repositoryId: newId(), onlyChanges: true },
    }),
    proposals: async () => ({ query: { page: 1, pageSize: 5, status: "open", repositoryId: newId() } }),
    proposal: async () => ({ params: { proposalId: await ruleProposal() }, query: { limit: 5 } }),
    acceptProposal: async () => ({
      params: { proposalId: await ruleProposal() },
      body: await policyChange(),
    }),
    dismissProposal: async () => ({ params: { proposalId: await ruleProposal() }, body: { comment: "c" } }),
  },
  tasks: {
    create: async () => ({
      body: {
        ...(withBody(tasks.create, { repositoryUrl: fixture.repositoryPath }) as object),
        branchName: "main",
        issueNumber: 1,
        agent: { driver: "builtin", model: "a/b" },
        limits: { stepsMax: 5, tokensMax: 5 },
        requiredLabels: ["gpu"],
        timeoutSeconds: 60,
        context: { a: "b" },
        metadata: { a: { b: ["c"] } },
        parentTaskId: (await pendingTask()).id,
        dependsOn: [(await pendingTask()).id],
      },
    }),
    createForAttempt: async () => {
      const { ref, token } = await running();
      return { token, body: { ...ref, title: newId(), description: "d", type: "docs" } };
    },
    list: async () => ({
      query: {
        ...{ page: 1, pageSize: 5, status: "queued", type: "docs", priority: "low", repositoryId: newId() },
        ...{ parentTaskId: newId(), isLive: "true", search: "x", sort: "priority", order: "asc" },
      },
    }),
    get: () => reader(),
    update: async () => ({
      params: { taskId: (await pendingTask()).id },
      body: {
        ...{ title: "t", description: "d", priority: "low", permissionLevel: "supervised", branchName: "b" },
        ...{ context: { a: "b" }, metadata: { a: { b: ["c"] } }, status: "queued" },
      },
    }),
    delete: async () => ({ params: { taskId: (await failedTask()).taskId } }),
    cancel: async () => ({ params: { taskId: (await running()).claim.task.id }, body: { reason: "no" } }),
    retry: async () => ({ params: { taskId: (await failedTask()).taskId }, body: {} }),
    review: async () => ({
      params: { taskId: await inReview() },
      body: { decision: "approve", comment: "fine" },
    }),
    diff: () => reader(),
    timeline: () => reader({ after: 0, limit: 5 }),
    dependencies: () => reader(),
    addDependency: async () => ({
      params: { taskId: (await pendingTask()).id },
      body: { dependsOnTaskId: (await pendingTask()).id },
    }),
    removeDependency: async () => {
      const other = await pendingTask();
      const task = await fixture.createTask({ enqueue: false, dependsOn: [other.id] });
      return { params: { taskId: task.id, dependsOnTaskId: other.id } };
    },
  },
  workers: {
    register: async () => ({
      token: fixture.app.workerKey,
      body: withBody(workers.register, {
        ...{
          name: "other",
          instanceId: newId(),
          timeoutSeconds: 5,
          contextWindowSize: 5,
          config: { a: { b: 1 } },
        },
      }),
    }),
    list: async () => ({ query: { page: 1, pageSize: 5, status: "idle,busy" } }),
    get: async () => ({ params: { workerId: worker.id } }),
    heartbeat: async () => {
      // One of its own: a fault that it reports keeps it from claiming.
      const { id, instanceId } = await fixture.registerWorker();
      const body = withBody(workers.heartbeat, { instanceId, orders: [(await running()).ref], fault: null });
      return { token: fixture.app.workerKey, params: { workerId: id }, body };
    },
    commands: async () => ({
      token: fixture.app.workerKey,
      params: { workerId: worker.id },
      query: { after: 0, waitSeconds: 0, instanceId: worker.instanceId },
    }),
    metrics: async () => ({ params: { workerId: worker.id }, query: { limit: 5 } }),
    drain: async () => ({
      params: { workerId: (await fixture.registerWorker()).id },
      body: { reason: "update" },
    }),
    deregister: async () => ({
      params: { workerId: (await fixture.registerWorker()).id },
      query: { force: "true" },
    }),
  },
  executions: {
    list: async () => ({
      query: { page: 1, pageSize: 5, taskId: newId(), workerId: worker.id, status: "running", kind: "run" },
    }),
    get: () => reader(),
    logs: () => reader({ after: 0, limit: 5, level: "info" }),
    appendLog: async () => ({
      ...(await running()),
      body: {
        offset: 0,
        text: `${JSON.stringify({ at: "2026-01-01T00:00:00Z", level: "info", source: "agent", message: "m" })}\n`,
      },
    }),
    progress: async () => ({
      ...(await running()),
      body: fc.sample(
        fc.constantFrom(
          { kind: "phase", phase: "run", detail: "d" },
          { kind: "plan", steps: ["a"] },
          { kind: "tool", name: "n", summary: "s", isError: false },
          { kind: "model", detail: "d" },
          exampleOf(executions.progress).body,
        ),
        { numRuns: 1, seed },
      )[0],
    }),
    artifacts: () => reader(),
    // Its bytes are no JSON; the artifacts' own tests ask what it makes of hostile queries.
    uploadArtifact: null,
    downloadArtifact: async () => {
      const { claim } = await running();
      return { params: { artifactId: await transcriptOf(claim.executionId, claim.task.id) } };
    },
    createCheckpoint: async () => {
      const { claim, params, token } = await running();
      const transcriptArtifactId = await transcriptOf(claim.executionId, claim.task.id);
      const snapshotArtifactId = await transcriptOf(claim.executionId, claim.task.id);
      const change = { transcriptArtifactId, snapshotArtifactId, data: { a: { b: 1 } } };
      return { params, token, body: withBody(executions.createCheckpoint, change) };
    },
  },
  repositories: {
    create: async () => ({
      body: {
        url: `https://example.com/a/${newId()}`,
        name: "n",
        defaultBranch: "main",
        settings: {
          ...{ setupCommand: "a", testCommand: "b", coverageCommand: null, commandTimeoutSeconds: 5 },
          environment: { A: "b" },
        },
      },
    }),
    list: async () => ({ query: { page: 1, pageSize: 5, search: "x" } }),
    get: async () => ({ params: { repositoryId: (await pendingTask()).repositoryId } }),
    update: async () => ({
      params: { repositoryId: (await pendingTask()).repositoryId },
      body: {
        ...{ name: "n", defaultBranch: "main" },
        settings: { setupCommand: "a", commandTimeoutSeconds: 5, environment: { A: "b" } },
      },
    }),
    delete: async () => ({ params: { repositoryId: (await pendingTask()).repositoryId } }),
  },
  workerRequests: {
    raise: async () => {
      const { ref, token } = await running();
      const approval = approvalOf("make it");
      const options = [{ id: "a", label: "b", description: "c" }];
      const call = { callId: newId(), kind: "approval", question: "q", reason: "r" };
      return {
        token,
        body: { ...ref, ...call, options, approval: { ...approval, diff: "d", steps: ["s"] } },
      };
    },
    wait: async () => {
      const { ref, token, request } = await asked();
      return { token, params: { requestId: request.id }, query: { ...ref, waitSeconds: 0 } };
    },
    spend: async () => {
      const { ref, token, request } = await asked();
      await asking.answer(request, { decision: "allow" });
      const call = { tool: "run_command", arguments: { command: "make it" } };
      return { token, params: { requestId: request.id }, body: { ...ref, ...call } };
    },
    withdraw: async () => {
      const { ref, token, request } = await asked();
      return { token, params: { requestId: request.id }, body: { ...ref, reason: "r" } };
    },
    list: async () => ({
      query: {
        ...{ page: 1, pageSize: 5, status: "human", kind: "approval", isLive: "true", isOverdue: "true" },
        ...{ taskId: newId(), repositoryId: newId(), assignedTo: "me", search: "x" },
        ...{ isMine: "true", alikeTo: newId(), sort: "priority", order: "asc" },
      },
    }),
    get: async () => ({ params: { requestId: (await asked()).request.id } }),
    answer: async () => ({
      params: { requestId: (await asked()).request.id },
      body: { generation: 1, decision: "allow", scope: "task", editedCommand: "ls", comment: "c" },
    }),
    bulkAnswer: async () => ({
      body: {
        requests: [{ id: (await asked()).request.id, generation: 1 }],
        ...{ decision: "allow", scope: "task", editedCommand: "ls", comment: "c" },
      },
    }),
    delegate: async () => ({
      params: { requestId: (await asked()).request.id },
      body: { assignedTo: fixture.app.local.userId, comment: "c" },
    }),
    // They need a controller's key; their own tests ask what they make of hostile bodies.
    claim: null,
    renew: null,
    answerAutomated: null,
    handOver: null,
    proposeDocument: null,
    precedentsFor: null,
    precedents: async () => ({
      query: { page: 1, pageSize: 5, repositoryId: newId(), isRevoked: "true", search: "x" },
    }),
    revokePrecedent: async () => ({ params: { precedentId: newId() } }),
  },
  controllers: {
    register: async () => ({
      body: { ...controller(), version: "1", model: "a/b", isScripted: true },
    }),
    heartbeat: async () => {
      const { params, instanceId } = await registeredController();
      return { params, body: withBody(endpoints.controllers.heartbeat, { instanceId, fault: "f" }) };
    },
    deregister: async () => {
      const { params, instanceId } = await registeredController();
      return { params, body: { instanceId } };
    },
    list: async () => ({}),
  },
  ...talkRequests({ fixture: () => fixture, running, pendingTask }),
  ...secretRequests({ fixture: () => fixture, running, pendingTask }),
  inbox: {
    list: async () => ({
      query: {
        ...{ kind: "review", repositoryId: newId(), taskId: newId(), priority: "low", isMine: "true" },
        ...{ sort: "newest", after: cursorOf("newest", somePlace), limit: 5 },
      },
    }),
  },
  notices: {
    createChannel: async () => {
      await fixture.sql("delete from notice_channels");
      return { body: withBody(notices.createChannel, { address: `https://example.org/${newId()}` }) };
    },
    listChannels: async () => ({}),
    updateChannel: async () => ({
      params: { channelId: await noticeChannel() },
      body: { name: "n", types: ["task.failed"], scope: "mine", isEnabled: true },
    }),
    deleteChannel: async () => ({ params: { channelId: await noticeChannel() } }),
    testChannel: async () => ({ params: { channelId: await noticeChannel() } }),
    list: async () => ({ query: { page: 1, pageSize: 5, status: "sent", channelId: newId() } }),
  },
  system: {
    health: async () => ({}),
    live: async () => ({}),
    ready: async () => ({}),
    about: async () => ({}),
    metrics: async () => ({}),
    events: async () => ({ query: { after: 0, limit: 5, taskId: newId(), executionId: newId() } }),
    // Never ends.
    eventStream: null,
    stats: async () => ({ query: exampleOf(system.stats).query ?? {} }),
    statsWaiting: async () => ({ query: { windowSeconds: 60, by: "person", limit: 5 } }),
    statsSeries: async () => ({ query: exampleOf(system.statsSeries).query ?? {} }),
    createApiKey: async () => ({
      body: withBody(system.createApiKey, { expiresAt: "2030-01-01T00:00:00Z" }),
    }),
    listApiKeys: async () => ({}),
    rotateApiKey: async () => ({ params: { apiKeyId: newId() }, body: { overlapSeconds: 60 } }),
    revokeApiKey: async () => ({ params: { apiKeyId: newId() } }),
    createLocalLink: async () => ({}),
    openLocalLink: async () => ({ query: { code: "x" } }),
  },
};

const somePlace = { urgency: 0, deadlineUs: "1", sinceUs: "1", id: newId() };

const segment = (value: unknown): string => encodeURIComponent(wellFormed(value));
/** Addresses are bytes: halves of characters can't be sent in them. */
const wellFormed = (value: unknown): string =>
  (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).toWellFormed();

async function send(endpoint: EndpointShape, { params = {}, query = {}, body, token }: Input) {
  const path = endpoint.path.replace(/:(\w+)/g, (_, name: string) => segment(params[name]));
  const search = Object.entries(query).map(([name, value]) => `${name}=${segment(value)}`);
  return await fixture.app.request(endpoint.method, `${path}?${search.join("&")}`, {
    ...(body === undefined ? {} : { body }),
    ...(token === undefined ? {} : { token }),
  });
}

const all = Object.entries(requests).flatMap(([group, routes]) =>
  Object.entries(routes).flatMap(([name, make]) => {
    const declared: Record<string, Record<string, EndpointShape>> = endpoints;
    const endpoint = declared[group]?.[name];
    return make === null || endpoint === undefined ? [] : [{ name: `${group}.${name}`, endpoint, make }];
  }),
);

test("the requests that are made hostile are valid", async () => {
  const expected: Record<string, number> = {
    "tasks.diff": 404,
    "system.rotateApiKey": 404,
    "system.revokeApiKey": 404,
    "executions.downloadArtifact": 404,
    "system.openLocalLink": 401,
    "repositories.delete": 409,
    "workerRequests.revokePrecedent": 404,
  };
  for (const { name, endpoint, make } of all) {
    const { status, body } = await send(endpoint, await make());
    const isFine = status < 300 || status === expected[name];
    expect(isFine, `${name}: ${status} ${JSON.stringify(body)}`).toBe(true);
  }
});

test("no value of any field breaks a route: it is taken, or refused with a typed error", async () => {
  const prepared = new Map<string, Input>();
  const broken: string[] = [];
  const property = fc.asyncProperty(
    fc.nat({ max: all.length - 1 }),
    fc.nat(),
    hostile,
    async (index, place, value) => {
      const one = all[index];
      if (one === undefined) {
        return;
      }
      const valid = prepared.get(one.name) ?? (await one.make());
      const { params, query, body } = valid;
      const places = placesIn({
        ...(params && { params }),
        ...(query && { query }),
        ...(body !== undefined && { body }),
      }).filter((path) => path.length > 1 || path[0] === "body");
      const at = places[place % Math.max(1, places.length)];
      // A long poll would hold the test up.
      if (at === undefined || (at.at(-1) === "waitSeconds" && Number(value) > 0)) {
        return;
      }
      const { status, body: answer } = await send(one.endpoint, replaced(valid, at, value) as Input);
      // What took the request may have used up its state.
      prepared.delete(one.name);
      if (status >= 400) {
        prepared.set(one.name, valid);
      }
      if (status >= 500 || (status >= 400 && !errorResponseSchema.safeParse(answer).success)) {
        broken.push(
          `${one.name} ${at.join(".")} = ${JSON.stringify(value)?.slice(0, 60)}: ${status} ${JSON.stringify(answer)}`,
        );
      }
    },
  );
  await fc.assert(property, { seed, numRuns: runs });
  expect(broken).toEqual([]);
}, 60_000);

test("bodies that are too large, too deep or not JSON are refused before anything looks at them", async () => {
  const post = async (body: string, path = "/api/v1/tasks") => {
    const response = await fetch(new URL(path, fixture.app.url), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${fixture.app.token}` },
      body,
    });
    const { error } = errorResponseSchema.parse(await response.json());
    return `${response.status} ${error.code}`;
  };
  const nested = (levels: number, open = "[", close = "]") =>
    `{"title":"t","type":"docs","repositoryUrl":"${fixture.repositoryPath}","enqueue":false,"metadata":{"a":${open.repeat(levels)}1${close.repeat(levels)}}}`;
  const megabytes = "x".repeat(10 * 1_024 * 1_024);
  expect(await post(`{"title":"${megabytes}"}`)).toBe("413 request.too_large");
  expect(await post(`{"title":"${megabytes}"}`, "/api/v1/queue/complete")).toMatch(/^(413|403) /);
  for (const levels of [70, 500, 1_000, 1_500, 2_000, 2_500, 5_000, 100_000, 400_000]) {
    expect(await post(nested(levels)), `${levels} levels`).toBe("400 request.malformed");
  }
  for (const levels of [70, 1_000, 100_000]) {
    expect(await post(nested(levels, '{"a":', "}")), `${levels} levels`).toBe("400 request.malformed");
  }
  for (const text of ["", "null", "[]", '"x"', "1", "true", "{", "\u0000", "{}x", "NaN", "\ufeff{}"]) {
    expect(await post(text), JSON.stringify(text)).toMatch(/^400 request\.(malformed|invalid)$/);
  }
  expect((await fixture.app.request("GET", "/health/ready")).status).toBe(200);
});
