import type {
  BulkAnswerReply,
  Claim,
  ErrorResponse,
  PolicyDetail,
  PolicyRule,
  RuleProposal,
  RuleProposalDetail,
  WorkerRequest,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { presets } from "@agentvine/policy";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestResponse } from "../../testing/build-test-app.ts";
import { type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let requests: RequestFixture;
let claim: Claim;

const path = "/api/v1/policies";
const codeOf = (body: unknown) => (body as ErrorResponse).error.code;

beforeAll(async () => {
  fixture = await buildWorkFixture({ policy: "default" });
  requests = requestFixture(fixture);
});
afterAll(() => fixture.close());
beforeEach(async () => {
  await fixture.sql("delete from tasks");
  await fixture.sql("delete from rule_proposals");
  await apply(presets.default.yaml);
  ({ claim } = await requests.run());
});

const active = async () => (await fixture.app.request<PolicyDetail>("GET", `${path}/active`)).body;
const apply = async (yaml: string) =>
  await fixture.app.request<PolicyDetail>("POST", path, {
    body: { yaml, basedOnVersion: (await active()).version },
  });
const answer = async (request: WorkerRequest, body: Record<string, unknown> = {}): Promise<WorkerRequest> => {
  const reply = await requests.answer(request, { decision: "allow", scope: "rule", ...body });
  if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
  return reply.body;
};
/** The id of the proposal that came with the answer. */
const proposedBy = ({ answer: given }: WorkerRequest): string => {
  const id = given?.ruleProposal?.id ?? null;
  if (id === null) throw new Error(`nothing was proposed: ${JSON.stringify(given)}`);
  return id;
};
const propose = async (command: string, body: Record<string, unknown> = {}) =>
  proposedBy(await answer(await requests.askToRun(claim, command), body));
const read = async (id: string, query = ""): Promise<RuleProposalDetail> =>
  (await fixture.app.request<RuleProposalDetail>("GET", `${path}/proposals/${id}${query}`)).body;
const list = async (query = "") =>
  (await fixture.app.request<{ items: RuleProposal[]; total: number }>("GET", `${path}/proposals${query}`))
    .body;
const decide = (
  id: string,
  how: "accept" | "dismiss",
  body: Record<string, unknown> = {},
): Promise<TestResponse<RuleProposal>> =>
  fixture.app.request("POST", `${path}/proposals/${id}/${how}`, { body });
const accept = async (id: string) => decide(id, "accept", { basedOnVersion: (await active()).version });

describe("an answer of the scope rule", () => {
  test("settles its request once, and proposes a rule that decides nothing yet", async () => {
    const before = await active();
    const request = await requests.askToRun(claim, "make build");
    const answered = await answer(request);
    expect(answered).toMatchObject({
      status: "answered",
      answer: { decision: "allow", scope: "rule", ruleProposal: { id: expect.any(String), refusal: "" } },
    });
    expect((await requests.spend(claim, request.id, "make build")).status).toBe(200);
    expect(await requests.askToRun(claim, "make build")).toMatchObject({ status: "human" });
    expect(await active()).toEqual(before);
    expect(await read(proposedBy(answered))).toMatchObject({
      status: "open",
      workerRequestId: request.id,
      author: { username: "local" },
      question: "run make build",
      rule: { effect: "allow", commands: ["make build"], tools: ["run_command"], kinds: ["approval"] },
      yaml: expect.stringContaining("- id: allow.make-build."),
      decision: { kind: "allow" },
      obstacle: "",
    });
    expect(await fixture.history(claim.task.id)).toContain("policy.rule_proposed");
  });

  test("that denies proposes a denial, and one that changes the command a rule about the changed one", async () => {
    const denied = await read(await propose("make deploy", { decision: "deny", comment: "never" }));
    expect(denied).toMatchObject({
      rule: { effect: "deny", commands: ["make deploy"] },
      decision: { kind: "deny" },
    });
    const edited = await read(await propose("make all", { editedCommand: "make lint" }));
    expect(edited.rule.commands).toEqual(["make lint"]);
  });

  test.each([
    ["a line that can't be judged", "make $(", "can't be judged"],
    ["a word that only the shell knows", "cat $HOME/x", "only the shell can tell"],
  ])("proposes nothing for %s: it says why, and the answer stands", async (_name, command, reason) => {
    const answered = await answer(await requests.askToRun(claim, command));
    expect(answered).toMatchObject({
      status: "answered",
      answer: { decision: "allow", ruleProposal: { id: null, refusal: expect.stringContaining(reason) } },
    });
    expect((await list()).total).toBe(0);
  });

  test("proposes no leave for tasks that people alone decide about", async () => {
    const { claim: own } = await requests.run({ priority: "critical" });
    const answered = await answer(await requests.askToRun(own, "make build"));
    expect(answered.answer?.ruleProposal).toEqual({
      id: null,
      refusal: expect.stringContaining("human_required or critical"),
    });
  });

  test("is refused for words: an earlier answer settles those", async () => {
    const request = await requests.ask(claim, "Which port?");
    const reply = await requests.answer(request, { text: "80", scope: "rule" });
    expect([reply.status, codeOf(reply.body)]).toEqual([400, "worker_request.answer_invalid"]);
  });

  test("given to several alike requests at once is one proposal", async () => {
    const others: Claim[] = [];
    for (let each = 0; each < 3; each += 1) others.push((await requests.run()).claim);
    const alike = await Promise.all(others.map((one) => requests.askToRun(one, "make build")));
    const { body } = await fixture.app.request<BulkAnswerReply>(
      "POST",
      "/api/v1/worker-requests/bulk-answer",
      {
        body: {
          requests: alike.map(({ id, generation }) => ({ id, generation })),
          decision: "allow",
          scope: "rule",
        },
      },
    );
    const ids = body.items.map(({ request }) => request?.answer?.ruleProposal?.id);
    expect(new Set(ids).size).toBe(1);
    expect(await list()).toMatchObject({ total: 1, items: [{ id: ids[0] }] });
  });
});

describe("the replay", () => {
  test("says case by case what the rule changes over past requests, on top of the active policy", async () => {
    for (const command of ["make build", "make build", "make other"]) {
      const { claim: own } = await requests.run();
      await requests.askToRun(own, command);
    }
    const { version } = await active();
    const { replay } = await read(await propose("make build"));
    expect(replay).toMatchObject({ activeVersion: version, isCut: false, isBounded: false, changed: 3 });
    for (const one of replay?.items ?? [])
      expect(one).toMatchObject({
        command: "make build",
        active: { kind: "human", ruleId: "default.approvals" },
        proposed: { kind: "allow", ruleId: expect.stringMatching(/^allow\.make-build\./) },
      });
  });

  test("says that it was bounded when there are more requests than it looks at", async () => {
    for (const command of ["make a", "make b", "make c"]) await requests.askToRun(claim, command);
    const id = await propose("make build");
    const { considered } = (await read(id, "?limit=1000")).replay ?? { considered: 0 };
    expect((await read(id, `?limit=${considered}`)).replay).toMatchObject({ isBounded: false, considered });
    expect((await read(id, `?limit=${considered - 1}`)).replay).toMatchObject({
      isBounded: true,
      considered: considered - 1,
    });
  });
});

describe("accepted", () => {
  test("it is a new version of the policy, with author, and decides the next such request, and no other", async () => {
    const before = await active();
    const id = await propose("make build");
    const { status, body } = await decide(id, "accept", { basedOnVersion: before.version, comment: "often" });
    expect(status).toBe(200);
    const version = before.version + 1;
    expect(body).toMatchObject({ status: "accepted", policyVersion: version, comment: "often" });
    expect(body.decidedBy).toMatchObject({ username: "local" });
    expect(await active()).toMatchObject({
      ...{ version, basedOnVersion: before.version, comment: "often" },
      author: { username: "local" },
    });
    const { claim: next } = await requests.run();
    expect(await requests.askToRun(next, "make build")).toMatchObject({
      status: "answered",
      answer: { source: "rule", sourceId: body.rule.id, decision: "allow" },
    });
    expect(await requests.askToRun(next, "make build all")).toMatchObject({ status: "human" });
    expect((await read(id)).replay).toBeNull();
  });

  test("an allowance stands before the rule that decided, behind what people alone decide about; a denial first", async () => {
    const allowed = await propose("make build");
    await accept(allowed);
    const denied = await propose("make deploy", { decision: "deny" });
    await accept(denied);
    const ids = (await active()).rules.map(({ id }: PolicyRule) => id.replace(/\.[0-9a-f]{8}$/, ""));
    expect(ids.slice(0, 7)).toEqual([
      ...["deny.make-deploy", "default.read", "default.human-required", "default.critical"],
      ...["default.confined", "allow.make-build", "default.approvals"],
    ]);
    const { claim: critical } = await requests.run({ priority: "critical" });
    expect(await requests.askToRun(critical, "make build")).toMatchObject({ status: "human" });
    expect(await requests.askToRun(critical, "make deploy")).toMatchObject({ status: "denied" });
  });

  test("after a change of the policy it is refused until its replay is looked at again", async () => {
    const id = await propose("make build");
    const { version } = await active();
    await apply(`${presets.default.yaml}\n# changed\n`);
    const late = await decide(id, "accept", { basedOnVersion: version });
    expect([late.status, codeOf(late.body)]).toEqual([409, "policy.changed"]);
    expect((await read(id)).status).toBe("open");
    expect((await accept(id)).status).toBe(200);
  });

  test("of many at once exactly one is heard, and the policy changes once", async () => {
    const id = await propose("make build");
    const { version } = await active();
    const replies = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        decide(id, index === 3 ? "dismiss" : "accept", index === 3 ? {} : { basedOnVersion: version }),
      ),
    );
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 409, 409, 409]);
    const isAccepted = (await read(id)).status === "accepted";
    expect((await active()).version).toBe(version + (isAccepted ? 1 : 0));
  });

  test("what a newer denial outranks is refused, and says which", async () => {
    const id = await propose("make build");
    await apply(`rules:\n  - { id: no-make, effect: deny, commands: ["make *"] }\n`);
    expect((await read(id)).obstacle).toContain("no-make");
    const { status, body } = await accept(id);
    expect([status, codeOf(body)]).toEqual([409, "rule_proposal.without_effect"]);
    expect((await active()).rules).toHaveLength(1);
  });
});

test("a dismissed one changes nothing and can't be accepted any more; the same may be wished for again", async () => {
  const { version } = await active();
  const id = await propose("make build");
  expect((await decide(id, "dismiss", { comment: "rare" })).body).toMatchObject({
    ...{ status: "dismissed", comment: "rare", policyVersion: null },
  });
  const late = await accept(id);
  expect([late.status, codeOf(late.body)]).toEqual([409, "rule_proposal.decided"]);
  expect((await active()).version).toBe(version);
  ({ claim } = await requests.run());
  expect(await propose("make build")).not.toBe(id);
  expect((await list("?status=dismissed")).items.map((one) => one.id)).toEqual([id]);
});

test("only people who may change the policy decide on proposals, and an unknown one is a 404", async () => {
  const id = await propose("make build");
  for (const token of [fixture.app.workerKey, claim.attemptToken])
    for (const [method, how] of [
      ["GET", ""],
      ["POST", "/accept"],
      ["POST", "/dismiss"],
    ] as const) {
      const reply = await fixture.app.request(method, `${path}/proposals/${id}${how}`, {
        token,
        ...(method === "POST" ? { body: { basedOnVersion: 1 } } : {}),
      });
      expect(reply.status).toBe(403);
    }
  for (const reply of [
    await fixture.app.request("GET", `${path}/proposals/${newId()}`),
    await decide(newId(), "accept", { basedOnVersion: 1 }),
    await decide(newId(), "dismiss"),
  ])
    expect([reply.status, codeOf(reply.body)]).toEqual([404, "rule_proposal.not_found"]);
});
