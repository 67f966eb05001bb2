import { endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { RequestFixture } from "./request-fixture.ts";
import { type RequestInput, withBody } from "./request-input.ts";
import { commitA, type TestWorker, type WorkFixture } from "./work-fixture.ts";

export interface RequestStepsDeps {
  fixture: WorkFixture;
  worker: TestWorker;
  asking: RequestFixture;
}

/** What must have happened before a request is valid. */
export function requestSteps({ fixture, worker, asking }: RequestStepsDeps) {
  const pendingTask = () => fixture.createTask({ enqueue: false });

  let claimer = worker;
  let claimed = 0;

  /** An attempt that runs, with its own token. */
  async function running() {
    claimed += 1;
    // One worker holds only so many.
    if (claimed % 200 === 0) claimer = await fixture.registerWorker({ slots: 256 });
    const task = await fixture.createTask({ priority: "critical" });
    let claim = await fixture.mustClaim(claimer);
    // What other requests left in the queue comes first.
    while (claim.task.id !== task.id) claim = await fixture.mustClaim(claimer);
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

  const madeBy = async <T>(path: string, body: object): Promise<T> =>
    (await fixture.app.request<T>("POST", `/api/v1/${path}`, { body })).body;
  const apiKey = async () =>
    (await madeBy<{ apiKey: { id: string } }>("api-keys", { name: "k", permissions: ["tasks:read"] })).apiKey
      .id;
  const unusedRepository = async () =>
    (await madeBy<{ id: string }>("repositories", { url: `https://example.com/b/${newId()}` })).id;

  /** What a person's answer to a question leaves for the next one that asks the same. */
  async function precedent(): Promise<string> {
    const { claim } = await running();
    const request = await asking.ask(claim, newId());
    await asking.answer(request, { text: "yes" });
    const [row] = await fixture.sql<{ id: string }>("select id from precedents order by id desc limit 1");
    return row?.id ?? "";
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

  const reader = async (query: Record<string, unknown> = {}): Promise<RequestInput> => {
    const { claim } = await running();
    return { params: { executionId: claim.executionId, taskId: claim.task.id }, query };
  };
  return {
    fixture,
    worker,
    asking,
    pendingTask,
    running,
    inReview,
    failedTask,
    parked,
    transcriptOf,
    checkpointOf,
    asked,
    madeBy,
    apiKey,
    unusedRepository,
    precedent,
    controller,
    registeredController,
    noticeChannel,
    policyChange,
    ruleProposal,
    reader,
  };
}

export type RequestSteps = ReturnType<typeof requestSteps>;
