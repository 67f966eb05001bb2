import type { TaskStatus, WorkerRequestStatus } from "@agentvine/contracts";
import { propertyRuns, propertyTimeoutMs } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RequestWorld, requestActions } from "../../testing/request-history.ts";
import { requestActor } from "../../testing/request-world.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let work: WorkFixture;
let actor: ReturnType<typeof requestActor>;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
  await work.app.work.sweeps.stop();
  actor = requestActor(work);
});
afterAll(() => work.close());

interface Row {
  id: string;
  status: WorkerRequestStatus;
  kind: string;
  work_order_id: string;
  attempt: number;
  fingerprint: string;
  decision: string | null;
  answer_source: string | null;
  answer_text: string;
  rule_id: string;
  scope: string;
  command: string | null;
  edited_command: string | null;
  spent_by_attempt: number | null;
  has_deadline: boolean;
}

interface Told {
  type: string;
  data: { requestId: string; status: string; generation: number; source?: string; decision?: string };
}

const ends = ["answered", "denied", "unanswered", "expired", "cancelled", "superseded"].map(
  (end) => `worker_request.${end}`,
);
const live: readonly string[] = ["pending", "automated", "human"];

/** Everything of one moment: sweeps go on meanwhile. */
async function look({ taskId }: RequestWorld) {
  const client = await work.app.database.pool.connect();
  const all = async <T extends object>(text: string) => (await client.query<T>(text, [taskId])).rows;
  try {
    await client.query("begin isolation level repeatable read");
    const rows = await all<Row>(
      `select id, status, kind, work_order_id, attempt, fingerprint, decision, answer_source, answer_text, rule_id, scope,
         approval ->> 'command' as command, edited_command, spent_by_attempt, deadline_at is not null as has_deadline
       from worker_requests where task_id = $1 order by raised_at, id`,
    );
    const told = await all<Told>(
      "select type, data from events where task_id = $1 and type like 'worker_request.%' order by xid, id",
    );
    const [task] = await all<{ status: TaskStatus }>("select status from tasks where id = $1");
    const [order] = await all<{ id: string; status: string; attempt: number }>(
      "select id, status, attempt from work_orders where task_id = $1 and status in ('pending', 'claimed', 'parked')",
    );
    return { rows, told, task, order };
  } finally {
    await client.query("commit");
    client.release();
  }
}
type Sight = Awaited<ReturnType<typeof look>>;

/** Settled at most once, and by the one person who was told so. */
function checkAnswers({ won }: RequestWorld, { rows, told }: Sight): void {
  for (const row of rows) {
    const about = told.filter(({ data }) => data.requestId === row.id);
    const ended = about.filter(({ type }) => ends.includes(type));
    const isSettledAsRaised = !live.includes(about[0]?.data.status ?? "");
    expect(ended.length, "ends of a request").toBe(live.includes(row.status) || isSettledAsRaised ? 0 : 1);
    const winners = won.filter(({ id }) => id === row.id);
    const isSomebodys = row.answer_source === "person" || row.answer_source === "controller";
    expect(winners.length, "those who were told that they won").toBe(
      isSomebodys && !isSettledAsRaised ? 1 : 0,
    );
    for (const { body, source } of winners) {
      expect(source).toBe(row.answer_source);
      expect(body.generation, "the generation that was answered").toBe(ended[0]?.data.generation);
      expect(body.decision ?? null).toBe(row.decision);
      expect(row.answer_text).toBe(body.text ?? "");
    }
  }
}

/** Nothing is allowed without a rule or a person, and nothing that was allowed is used twice, by another or for another call. */
function checkApprovals({ won, spent }: RequestWorld, { rows, told }: Sight): void {
  for (const row of rows.filter(({ decision }) => decision === "allow")) {
    expect(row.status).toBe("answered");
    const byRule = row.answer_source === "rule" && row.command?.startsWith("allow") === true;
    const bySomebody = rows.some(
      ({ id, fingerprint, scope }) =>
        (id === row.id || (scope === "task" && fingerprint === row.fingerprint)) &&
        won.some((one) => one.id === id && one.body.decision === "allow"),
    );
    // A model allows what a rule routed to it, and nothing else.
    const isModels = row.answer_source === "controller";
    if (isModels) expect(row.command).toMatch(/^automated/);
    expect({ byRule, bySomebody }).toEqual({ byRule: !bySomebody, bySomebody: !byRule });
  }
  for (const row of rows) {
    const uses = told.filter(
      ({ type, data }) => type === "worker_request.spent" && data.requestId === row.id,
    );
    expect(uses.length, "uses of an approval").toBeLessThanOrEqual(1);
    for (const { attempt, command } of spent.filter(({ id }) => id === row.id)) {
      expect(row.decision).toBe("allow");
      expect(attempt).toBe(row.spent_by_attempt);
      expect(command).toBe(row.edited_command ?? row.command);
    }
  }
}

/** A model settles nothing that people have. */
function checkModel({ told }: Sight): void {
  for (const [index, { type, data }] of told.entries()) {
    if (!ends.includes(type) || data.source !== "controller") continue;
    const before = told.slice(0, index).filter((one) => one.data.requestId === data.requestId);
    expect(before.map((one) => one.data.status).filter((status) => status === "human")).toEqual([]);
  }
}

/** Nobody is asked what is open, was answered, was turned down by somebody, or was allowed and not used yet. */
function checkAskedOnce({ rows, told }: Sight): void {
  const fingerprints = new Map(rows.map(({ id, fingerprint }) => [id, fingerprint]));
  const standing = new Map<string, string>();
  for (const { type, data } of told) {
    const fingerprint = fingerprints.get(data.requestId) ?? "";
    if (type === "worker_request.raised") {
      expect(standing.get(fingerprint), "what is asked a second time").toBeUndefined();
      if (live.includes(data.status)) standing.set(fingerprint, data.requestId);
    }
    const isDecided =
      type === "worker_request.answered" || (type === "worker_request.denied" && data.source !== "deadline");
    const isOver = (ends.includes(type) && !isDecided) || type === "worker_request.spent";
    if (isOver && standing.get(fingerprint) === data.requestId) standing.delete(fingerprint);
  }
}

/** Who waits, waits for something; what waits, has an end. */
function checkWaiting({ rows, task, order }: Sight): void {
  const open = rows.filter(({ status }) => live.includes(status));
  expect(open.every(({ has_deadline }) => has_deadline)).toBe(true);
  const own = open.filter((row) => row.work_order_id === order?.id && row.attempt === order.attempt);
  const isParked = order?.status === "parked";
  const isAsking = order?.status === "claimed" && own.length > 0;
  if (isParked) expect(own.length, "what a parked order waits for").toBeGreaterThan(0);
  expect({ task: task?.status === "waiting", order: order?.status, own }).toEqual({
    task: isParked || isAsking,
    order: order?.status,
    own,
  });
}

/** An answer is told once, and again only to an agent that parked without it; no prompt tells it without that being noted. */
function checkTold({ claims, parkedOn }: RequestWorld, { rows, told }: Sight): void {
  const prompts = new Set(claims.map(({ workOrder }) => String(workOrder.payload.followUp ?? "")));
  for (const { id } of rows) {
    const times = [...prompts].filter((prompt) => prompt.includes(`[${id.slice(-8)}]`)).length;
    const noted = told.filter(
      ({ type, data }) => type === "worker_request.delivered" && data.requestId === id,
    ).length;
    expect(times, "prompts with the same answer").toBeLessThanOrEqual(noted);
    expect(noted, "deliveries of an answer").toBeLessThanOrEqual(
      1 + parkedOn.filter((one) => one === id).length,
    );
  }
}

/** What the agent gets is about what it asked, or about what a person made of it. */
function checkGot({ got }: RequestWorld): void {
  for (const { what, request } of got) {
    const { question, approval, answer } = request;
    const isSame =
      what.approval === null
        ? question === what.question
        : [approval?.command, answer?.editedCommand].includes(what.approval.command);
    expect({ asked: what.question, got: request.id, isSame }).toMatchObject({ isSame: true });
  }
}

async function check(world: RequestWorld): Promise<void> {
  const sight = await look(world);
  checkAnswers(world, sight);
  checkApprovals(world, sight);
  checkModel(sight);
  checkAskedOnce(sight);
  checkWaiting(sight);
  checkTold(world, sight);
  checkGot(world);
}

/** Time alone ends everything that waits. */
async function checkNothingStays(world: RequestWorld): Promise<void> {
  for (let steps = 0; steps < 4; steps += 1) await actor.passDeadlines(world);
  await actor.supersedeAbandoned();
  const sight = await look(world);
  expect(sight.rows.filter(({ status }) => live.includes(status))).toEqual([]);
  expect(sight.order?.status, "work that waits for nothing").not.toBe("parked");
  expect(sight.task?.status).not.toBe("waiting");
  checkApprovals(world, sight);
  checkAnswers(world, sight);
}

test(
  "whatever happens in whatever order: settled once, used once, allowed only by a rule or a person, asked once, and nothing waits for ever",
  async () => {
    const step = fc.record({
      action: fc.constantFrom(...requestActions),
      pick: fc.nat(20),
      // A second thing at the same moment, now and then.
      beside: fc.option(fc.record({ action: fc.constantFrom(...requestActions), pick: fc.nat(20) }), {
        freq: 2,
      }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 40, size: "max" }),
        fc.nat(20),
        async (steps, focus) => {
          const worker = await work.registerWorker({ slots: 3 });
          const task = await work.createTask();
          const world: RequestWorld = {
            ...{
              taskId: task.id,
              worker,
              focus,
              claims: [],
              seen: [],
              won: [],
              got: [],
              leases: [],
              spent: [],
              parkedOn: [],
            },
          };
          try {
            await actor.act(world, "claim", 0);
            await actor.act(world, "raise", steps.length);
            for (const { action, pick, beside } of steps) {
              await Promise.all([
                actor.act(world, action, pick),
                ...(beside === null ? [] : [actor.act(world, beside.action, beside.pick)]),
              ]);
              await check(world);
            }
            await checkNothingStays(world);
          } finally {
            await work.sql("delete from precedents");
            await work.sql("delete from tasks");
          }
        },
      ),
      propertyRuns(30, { isSlow: true }),
    );
  },
  propertyTimeoutMs(180_000),
);
