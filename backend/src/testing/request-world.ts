import type { Claim, WorkerRequest } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import { attemptPermissions } from "../actor.ts";
import { createRaiseService, type DecidePort } from "../modules/decisions/index.ts";
import { createReaperService, defaultRetryPolicy } from "../modules/queue/index.ts";
import { controllerActions } from "./controller-actions.ts";
import { approvalOf, type RequestFixture, requestFixture } from "./request-fixture.ts";
import type { Asked, RequestAction, RequestWorld } from "./request-history.ts";
import type { WorkFixture } from "./work-fixture.ts";

const effects = ["allow", "deny", "automated"] as const;

/** Rules of the tests: the first word of what is asked says where it goes. */
const routeByFirstWord: DecidePort = {
  decide: async (_tx, { request, tool }) => {
    const word = (tool?.command ?? request.question).split(" ")[0];
    const kind = effects.find((effect) => effect === word) ?? "human";
    const isEscalated = word === "pass";
    return {
      kind,
      ruleId: `first-word-${kind}`,
      reason: `it begins with "${word}"`,
      deadlineSeconds: 3_600,
      onTimeout: isEscalated ? "escalate" : request.kind === "approval" ? "deny" : "no_answer",
      escalation: isEscalated
        ? [
            { to: "everybody", afterSeconds: 60 },
            { to: "nobody-of-that-name", afterSeconds: 60 },
          ]
        : [],
      policyVersion: 7,
    };
  },
};

const call = (command: string): Asked => ({
  kind: "approval",
  question: `run ${command}`,
  options: [],
  approval: { ...approvalOf(command), diff: null, steps: [] },
});

/** What the agent of a world may ask. */
const asked: readonly Asked[] = [
  { kind: "question", question: "Which port?", options: [], approval: null },
  {
    kind: "clarification",
    question: "pass on: which style?",
    options: [
      { id: "a", label: "short", description: "" },
      { id: "b", label: "long", description: "" },
    ],
    approval: null,
  },
  call("make deploy"),
  call("make deploy --dry"),
  call("pass it on"),
  call("allow ls"),
  call("deny push"),
  call("automated lint"),
  { kind: "clarification", question: "automated: how wide?", options: [], approval: null },
];

/** The command that a person allows instead. */
const editedCommand = "make deploy --dry";

/** What agents, people, workers and time do to requests. */
export function requestActor(work: WorkFixture) {
  const requests: RequestFixture = requestFixture(work);
  const { db } = work.app.database;
  const raises = createRaiseService({ db, decisions: routeByFirstWord });
  const reaper = createReaperService({ db, retry: defaultRetryPolicy });
  const { sweeps } = work.app.decisions;

  async function raise(world: RequestWorld, claim: Claim, what: Asked, callId: string): Promise<void> {
    const ref = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
    const actor = {
      kind: "attempt" as const,
      id: ref.workOrderId,
      userId: work.app.local.userId,
      permissions: attemptPermissions,
      attempt: ref,
    };
    try {
      const request = await raises.raise(actor, { ...ref, callId, reason: "", ...what });
      world.seen.push(request);
      world.got.push({ what, request });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "work_order.lease_lost") throw error;
    }
  }

  async function answer(world: RequestWorld, request: WorkerRequest, body: Record<string, unknown>) {
    const given = { generation: request.generation, ...body };
    const reply = await requests.answer(request, given);
    if (reply.status === 200) world.won.push({ id: request.id, source: "person", body: given });
    if (reply.status >= 500) throw new Error(`answer: ${reply.status} ${JSON.stringify(reply.body)}`);
  }

  /** The newest sight of a request that fits. */
  /** One of the two newest; a question is asked often before one like it gets so far. */
  const newest = (world: RequestWorld, pick: number, fits: (one: WorkerRequest) => boolean) => {
    const ids = [...new Set(world.seen.filter(fits).map(({ id }) => id))];
    const id = ids[ids.length - 1 - (pick % Math.min(2, Math.max(1, ids.length)))];
    return world.seen.findLast((one) => one.id === id);
  };
  const isApproval = ({ kind }: WorkerRequest) => kind === "approval";
  const isWords = ({ kind }: WorkerRequest) => kind !== "approval";
  const commandOf = (request: WorkerRequest) =>
    request.answer?.editedCommand ?? request.approval?.command ?? "";

  async function passDeadlines(world: RequestWorld): Promise<void> {
    await work.sql(
      `update worker_requests set deadline_at = now() - interval '1 second' where task_id = $1 and settled_at is null`,
      [world.taskId],
    );
    await sweeps.passDeadlines();
  }

  const byPerson: Partial<Record<RequestAction, (world: RequestWorld, pick: number) => Promise<unknown>>> = {
    allow: async (world, pick) => {
      const request = newest(world, pick, isApproval);
      if (request) await answer(world, request, { decision: "allow" });
    },
    allow_task: async (world, pick) => {
      const request = newest(world, pick, isApproval);
      if (request) await answer(world, request, { decision: "allow", scope: "task" });
    },
    allow_changed: async (world, pick) => {
      const request = newest(world, pick, isApproval);
      if (request) await answer(world, request, { decision: "allow", editedCommand });
    },
    deny: async (world, pick) => {
      const request = newest(world, pick, isApproval);
      if (request) await answer(world, request, { decision: "deny" });
    },
    say: async (world, pick) => {
      const request = newest(world, pick, isWords);
      if (request) await answer(world, request, { text: `words ${newId()}` });
    },
    // The first sight of what was seen last.
    say_stale: async (world) => {
      const request = world.seen.find(({ id }) => id === world.seen.at(-1)?.id);
      if (request === undefined) return;
      await answer(world, request, isWords(request) ? { text: "late" } : { decision: "allow" });
    },
    resume: async (world) => {
      const [order] = await work.sql<{ id: string }>(
        "select id from work_orders where task_id = $1 and status = 'parked'",
        [world.taskId],
      );
      if (order === undefined) return;
      const body = { workOrderId: order.id, answer: "go on" };
      await work.app.request("POST", "/api/v1/queue/resume", { body });
    },
    cancel: async ({ taskId }, pick) =>
      pick % 4 === 0 && work.app.request("POST", `/api/v1/tasks/${taskId}/cancel`, { body: {} }),
    retry: ({ taskId }) => work.app.request("POST", `/api/v1/tasks/${taskId}/retry`, { body: {} }),
  };

  /** What one controller does; it tries old leases as well. */
  const byController = controllerActions(work, sweeps.handOver);

  const claimNext = async (world: RequestWorld) => {
    const { status, body } = await work.claim(world.worker);
    if (status === 200) world.claims.push(body);
  };
  const loseLease = async ({ workOrder }: Claim) => {
    await work.expireLease(workOrder.id);
    await reaper.reapLeases();
  };
  const park = async (world: RequestWorld, claim: Claim, count: number) => {
    const own = world.seen.filter(
      ({ workOrderId, attempt }) => workOrderId === claim.workOrder.id && attempt === claim.attempt,
    );
    const ids = [...new Set(own.map(({ id }) => id))].slice(-count);
    if (ids.length === 0) return [];
    const { status } = await requests.park(claim, ids);
    if (status === 200) world.parkedOn.push(...ids);
    return ids;
  };

  const byTime: Partial<Record<RequestAction, (world: RequestWorld) => Promise<unknown>>> = {
    claim: claimNext,
    deadline: passDeadlines,
  };

  type ByAttempt = (world: RequestWorld, claim: Claim, pick: number) => Promise<unknown>;
  const byAttempt: Partial<Record<RequestAction, ByAttempt>> = {
    raise: (world, claim, pick) => raise(world, claim, askedBy(world, pick), newId()),
    // The worker's name for the call is that of the question: each is asked by it as often as its reply gets lost.
    repeat: (world, claim, pick) => raise(world, claim, askedBy(world, pick), `call-${pick % asksMax}`),
    wait: async (world, claim, pick) => {
      const request = newest(world, pick, () => true);
      const reply = request && (await requests.wait(claim, request.id));
      if (reply?.status === 200) world.seen.push(reply.body);
    },
    spend: async (world, claim, pick) => {
      const seen = newest(world, pick, isApproval);
      if (seen === undefined) return;
      // Now and then another call than the one that was allowed.
      const command = pick % 4 === 3 ? "make deploy --force" : commandOf(await requests.get(seen.id));
      const reply = await requests.spend(claim, seen.id, command);
      if (reply.status === 200) world.spent.push({ id: seen.id, attempt: claim.attempt, command });
    },
    withdraw: async (world, claim, pick) => {
      const request = newest(world, pick, () => true);
      if (request === undefined) return;
      await work.app.request("POST", `/api/v1/worker-requests/${request.id}/withdraw`, {
        token: claim.attemptToken,
        body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, reason: "found it" },
      });
    },
    park: (world, claim, pick) => park(world, claim, 1 + (pick % 2)),
    // Asks, parks, is answered, and goes on.
    sit_out: async (world, claim, pick) => {
      await raise(world, claim, askedBy(world, pick), newId());
      for (const id of await park(world, claim, 2)) {
        const request = await requests.get(id);
        await answer(world, request, isApproval(request) ? { decision: "allow" } : { text: `words ${id}` });
      }
      await claimNext(world);
    },
    lose: (_world, claim) => loseLease(claim),
    // Loses its lease, and the next one asks the same.
    next_attempt: async (world, claim) => {
      await loseLease(claim);
      await claimNext(world);
      const [last, next] = [world.got.at(-1), world.claims.at(-1)];
      if (last !== undefined && next !== undefined) await raise(world, next, last.what, newId());
    },
    release: (_world, claim) => work.post(claim, "release", { reason: "drain" }),
    // The work ends for good only now and then: much has to happen before.
    complete: async (_world, claim, pick) =>
      pick % 4 === 0 && (await work.complete(claim, await work.runResult(claim))),
    fail: async (_world, claim, pick) => pick % 4 === 0 && (await work.fail(claim)),
    fail_world: (_world, claim) => work.fail(claim, { failure: "infrastructure" }),
  };

  return {
    passDeadlines,
    supersedeAbandoned: sweeps.supersedeAbandoned,

    /** Does one thing to the world; what can't be done now does nothing. */
    act: async (world: RequestWorld, action: RequestAction, pick: number): Promise<void> => {
      await byPerson[action]?.(world, pick);
      await byTime[action]?.(world);
      await byController[action]?.(world, pick);
      // The last attempt most of the time, now and then one that lost its lease.
      const claim = world.claims.at(pick % 5 === 4 ? -2 : -1);
      if (claim !== undefined) await byAttempt[action]?.(world, claim, pick);
    },
  };
}

const asksMax = 3;

/** One of the few questions of this world. */
function askedBy({ focus }: RequestWorld, pick: number): Asked {
  const one = asked[(focus + (pick % asksMax)) % asked.length];
  if (one === undefined) throw new Error("there is nothing to ask");
  return one;
}
