import type { Claim, RequestRaiseInput, WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { TestResponse } from "./build-test-app.ts";
import type { TestWorker, WorkFixture } from "./work-fixture.ts";

/** What the tests of the decision plane do, as an agent and as people, over HTTP. */
export interface RequestFixture {
  /** A running attempt of a new task. */
  run(change?: Parameters<WorkFixture["createTask"]>[0]): Promise<{ claim: Claim; worker: TestWorker }>;
  raise(claim: Claim, change?: Partial<RequestRaiseInput>): Promise<TestResponse<WorkerRequest>>;
  /** Asks for leave to run a shell line. */
  askToRun(claim: Claim, command: string, change?: Partial<RequestRaiseInput>): Promise<WorkerRequest>;
  ask(claim: Claim, question: string, change?: Partial<RequestRaiseInput>): Promise<WorkerRequest>;
  wait(claim: Claim, id: string, waitSeconds?: number): Promise<TestResponse<WorkerRequest>>;
  spend(claim: Claim, id: string, command: string): Promise<TestResponse<WorkerRequest>>;
  answer(request: WorkerRequest, body: Record<string, unknown>): Promise<TestResponse<WorkerRequest>>;
  get(id: string): Promise<WorkerRequest>;
  /** A checkpoint of the attempt, to park from. */
  checkpoint(claim: Claim): Promise<string>;
  park(claim: Claim, requestIds: readonly string[]): Promise<TestResponse<{ status: string }>>;
}

const base = "/api/v1/worker-requests";

export const approvalOf = (command: string) => ({
  subject: "tool_call" as const,
  tool: "run_command",
  toolClass: "command" as const,
  arguments: { command },
  command,
  paths: [],
});

export function requestFixture(fixture: WorkFixture): RequestFixture {
  const { app } = fixture;
  const refOf = ({ workOrder, attempt }: Claim) => ({ workOrderId: workOrder.id, attempt });
  const self: RequestFixture = {
    run: async (change) => {
      const worker = await fixture.registerWorker();
      const task = await fixture.createTask(change);
      const claim = await fixture.mustClaim(worker);
      if (claim.task.id !== task.id) throw new Error("another task was claimed: end what other tests queue");
      return { claim, worker };
    },
    raise: (claim, change = {}) =>
      app.request("POST", base, {
        token: claim.attemptToken,
        body: { ...refOf(claim), callId: newId(), kind: "question", question: "Which port?", ...change },
      }),
    askToRun: async (claim, command, change = {}) => {
      const approval = approvalOf(command);
      const given = { kind: "approval" as const, question: `run ${command}`, approval, ...change };
      return mustBe(await self.raise(claim, given));
    },
    ask: async (claim, question, change = {}) => mustBe(await self.raise(claim, { question, ...change })),
    wait: (claim, id, waitSeconds = 0) => {
      const { workOrderId, attempt } = refOf(claim);
      const query = `workOrderId=${workOrderId}&attempt=${attempt}&waitSeconds=${waitSeconds}`;
      return app.request("GET", `${base}/${id}/wait?${query}`, { token: claim.attemptToken });
    },
    spend: (claim, id, command) =>
      app.request("POST", `${base}/${id}/spend`, {
        token: claim.attemptToken,
        body: { ...refOf(claim), tool: "run_command", arguments: { command } },
      }),
    answer: ({ id, generation }, body) =>
      app.request("POST", `${base}/${id}/answer`, { body: { generation, ...body } }),
    get: async (id) => (await app.request<WorkerRequest>("GET", `${base}/${id}`)).body,
    checkpoint: async (claim) => {
      const id = newId();
      const artifact = newId();
      const digest = artifact.replaceAll("-", "").padEnd(64, "0");
      await fixture.sql("insert into blobs (digest, size_bytes) values ($1, 1)", [digest]);
      await fixture.sql(
        `insert into artifacts (id, execution_id, task_id, kind, name, content_type, size_bytes, digest)
         values ($1, $2, $3, 'transcript', $4, 'application/json', 1, $5)`,
        [artifact, claim.executionId, claim.task.id, `transcript-${artifact}`, digest],
      );
      await fixture.sql(
        `insert into checkpoints (id, task_id, execution_id, attempt, step, driver, base_commit, transcript_artifact_id)
         values ($1, $2, $3, $4, 1, 'builtin', $5, $6)`,
        [id, claim.task.id, claim.executionId, claim.attempt, "a".repeat(40), artifact],
      );
      return id;
    },
    park: async (claim, requestIds) =>
      await fixture.post(claim, "park", {
        checkpointId: await self.checkpoint(claim),
        reason: "waits for an answer",
        requestIds,
      }),
  };
  return self;
}

function mustBe({ status, body }: TestResponse<WorkerRequest>): WorkerRequest {
  if (status !== 200) throw new Error(`raise: ${status} ${JSON.stringify(body)}`);
  return body;
}
