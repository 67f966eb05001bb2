import { type Claim, type Priority, priorities, type WorkerCapabilities } from "@agentvine/contracts";
import { propertyRuns, propertyTimeoutMs } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
  await work.app.work.sweeps.stop();
});
afterAll(() => work.close());
afterEach(() => work.sql("delete from tasks"));

const types = ["feature", "bugfix", "docs"] as const;
const labels = ["gpu", "arm", "net"] as const;
const drivers = ["builtin", "acp"] as const;
const models = ["a/small", "b/large"] as const;

interface Need {
  type: (typeof types)[number];
  requiredLabels: string[];
  agent: { driver?: (typeof drivers)[number]; model?: string };
}

type Ability = Pick<WorkerCapabilities, "taskTypes" | "labels" | "agents">;

const someOf = <T>(values: readonly T[], minLength = 0): fc.Arbitrary<T[]> =>
  fc.subarray([...values], { minLength });
const agent = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ driver: fc.constantFrom(...drivers) }) },
  { weight: 1, arbitrary: fc.record({ model: fc.constantFrom(...models) }) },
  // The hard one: a worker may have the driver with one agent and the model with another.
  {
    weight: 3,
    arbitrary: fc.record({ driver: fc.constantFrom(...drivers), model: fc.constantFrom(...models) }),
  },
);
const need: fc.Arbitrary<Need> = fc.record({
  type: fc.constantFrom(...types),
  requiredLabels: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: someOf<string>(labels) },
  ),
  agent,
});
const ability: fc.Arbitrary<Ability> = fc.record({
  taskTypes: someOf(types, 1),
  labels: someOf(labels),
  agents: fc.array(
    fc.record({
      driver: fc.constantFrom(...drivers),
      model: fc.option(fc.constantFrom(...models)),
      isScripted: fc.constant(false),
    }),
    { maxLength: 3 },
  ),
});

/** What the documents say, in other words than the statement's: does the worker do such work? */
const canDo = (able: Ability, { type, requiredLabels, agent: wanted }: Need): boolean =>
  able.taskTypes.includes(type) &&
  requiredLabels.every((label) => able.labels.includes(label)) &&
  able.agents.some(
    ({ driver, model }) =>
      (wanted.driver ?? driver) === driver && (wanted.model === undefined || wanted.model === model),
  );

interface Contender {
  worker: TestWorker;
  able: Ability;
  slots: number;
}

const register = (planned: readonly { able: Ability; slots: number }[]): Promise<Contender[]> =>
  Promise.all(
    planned.map(async ({ able, slots }) => ({
      able,
      slots,
      worker: await work.registerWorker({ slots, capabilities: able }),
    })),
  );

const createAll = async (needs: readonly (Need & { priority?: Priority })[]): Promise<Map<string, Need>> =>
  new Map(
    await Promise.all(needs.map(async (one) => [(await work.createTask({ ...one })).id, one] as const)),
  );

const leaseOf = ({ workOrder, attempt, attemptToken, executionId }: Claim): string =>
  [workOrder.id, attempt, executionId, attemptToken].join(" ");

/** A lease that was handed out: to whom and under which key. */
interface Handed {
  contender: Contender;
  key: string;
  claim: Claim;
}

async function claimAs(contender: Contender | undefined, key?: string): Promise<Handed | undefined> {
  if (contender === undefined) return undefined;
  const { status, body } = await work.claim(contender.worker, key === undefined ? {} : { key });
  expect([200, 204]).toContain(status);
  return status === 200 ? { contender, key: key ?? "", claim: body } : undefined;
}

/** Nobody has what he can't do, two leases of one order, two leases of one key, or more than his slots. */
function checkLeases(handed: readonly Handed[], needs: Map<string, Need>): void {
  const leaseOfKey = new Map<string, string>();
  const holderOf = new Map<string, string>();
  for (const { contender, key, claim } of handed) {
    const wanted = needs.get(claim.task.id);
    expect(wanted && canDo(contender.able, wanted), JSON.stringify([contender.able, wanted])).toBe(true);
    const holder = `${contender.worker.id} ${key}`;
    expect(leaseOfKey.get(holder) ?? leaseOf(claim), "leases of one key").toBe(leaseOf(claim));
    leaseOfKey.set(holder, leaseOf(claim));
    expect(holderOf.get(claim.workOrder.id) ?? holder, "holders of one order").toBe(holder);
    holderOf.set(claim.workOrder.id, holder);
    expect(claim.attempt).toBe(1);
  }
}

async function checkSlots(contenders: readonly Contender[], handed: readonly Handed[]): Promise<void> {
  const rows = await work.sql<{ id: string; active_count: number; held: number }>(
    `select w.id, w.active_count, (select count(*)::int from work_orders o
       where o.worker_id = w.id and o.status = 'claimed') as held from workers w`,
  );
  for (const { worker, slots } of contenders) {
    const row = rows.find(({ id }) => id === worker.id);
    const got = handed.filter(({ contender }) => contender.worker.id === worker.id);
    expect(row?.held).toBe(new Set(got.map(({ claim }) => claim.workOrder.id)).size);
    expect(row?.active_count).toBe(row?.held);
    expect(row?.held).toBeLessThanOrEqual(slots);
  }
}

describe("many claims at the same moment", () => {
  it(
    "lease each order once and each key once, to workers that can do it and have a slot, and miss none",
    async () => {
      const contenders = fc.array(fc.record({ able: ability, slots: fc.integer({ min: 1, max: 4 }) }), {
        minLength: 2,
        maxLength: 5,
      });
      const race = fc.array(fc.record({ who: fc.nat(9), key: fc.nat(4) }), { minLength: 5, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(
          contenders,
          fc.array(need, { minLength: 1, maxLength: 12 }),
          race,
          async (planned, wanted, claims) => {
            const all = await register(planned);
            const needs = await createAll(wanted);
            const answers = await Promise.all(
              claims.map(({ who, key }) => claimAs(all[who % all.length], `key-${key}`)),
            );
            const handed = answers.filter((one) => one !== undefined);
            checkLeases(handed, needs);
            await checkSlots(all, handed);
            // A repeat after the race finds its lease; and what the race passed over is still to be had.
            const later: Handed[] = [];
            for (const { contender, key, claim } of handed) {
              const again = await claimAs(contender, key);
              expect(again && leaseOf(again.claim)).toBe(leaseOf(claim));
            }
            for (const contender of all) {
              for (;;) {
                const next = await claimAs(contender, `later-${later.length}`);
                if (next === undefined) break;
                later.push(next);
              }
            }
            checkLeases([...handed, ...later], needs);
            await checkSlots(all, [...handed, ...later]);
            const taken = new Set([...handed, ...later].map(({ claim }) => claim.task.id));
            for (const { able, slots, worker } of all) {
              const held = [...handed, ...later].filter((one) => one.contender.worker.id === worker.id);
              const isFull = new Set(held.map(({ claim }) => claim.workOrder.id)).size >= slots;
              const missed = [...needs].filter(([id, one]) => !taken.has(id) && canDo(able, one));
              expect(isFull || missed.length === 0, "work that a worker with a free slot was not given").toBe(
                true,
              );
            }
            await work.sql("delete from tasks");
          },
        ),
        propertyRuns(8, { isSlow: true }),
      );
    },
    propertyTimeoutMs(120_000),
  );

  it(
    "beside results, releases and heartbeats never give an order to two at once",
    async () => {
      const fate = fc.constantFrom("complete", "release", "repeat", "repeat and complete", "beat");
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 4 }),
          fc.integer({ min: 1, max: 6 }),
          fc.array(fate, { minLength: 10, maxLength: 30 }),
          async (slots, taskCount, fates) => {
            const workers = await Promise.all(slots.map((count) => work.registerWorker({ slots: count })));
            for (let n = 0; n < taskCount; n += 1) await work.createTask();
            const attempts = new Map<string, number[]>();
            const left = [...fates];
            const toil = async (worker: TestWorker): Promise<void> => {
              for (let one = left.shift(); one !== undefined; one = left.shift()) {
                const key = `${worker.id}-${left.length}`;
                const { status, body } = await work.claim(worker, { key });
                if (status !== 200) continue;
                attempts.set(body.task.id, [...(attempts.get(body.task.id) ?? []), body.attempt]);
                // While it is held, a claim under its key is that lease and nothing else.
                if (one.startsWith("repeat")) {
                  const again = await work.claim(worker, { key });
                  expect(again.status === 200 && leaseOf(again.body)).toBe(leaseOf(body));
                }
                const orders = [{ workOrderId: body.workOrder.id, attempt: body.attempt }];
                const beaten = await work.heartbeat(worker, { orders });
                expect(beaten.body).toMatchObject({ renewed: orders, lost: [] });
                const ended = one.endsWith("complete")
                  ? await work.complete(body)
                  : await work.post(body, "release", { reason: "drain" });
                // Nobody else had it meanwhile: else this attempt would be over.
                expect(ended.status).toBe(200);
              }
            };
            await Promise.all(
              workers.flatMap((worker, n) => Array.from({ length: slots[n] ?? 1 }, () => toil(worker))),
            );
            for (const given of attempts.values()) {
              expect(given.sort((a, b) => a - b)).toEqual(given.map((_, n) => n + 1));
            }
            const busy = await work.sql(
              "select 1 from workers where active_count <> 0 and id = any($1::uuid[])",
              [workers.map(({ id }) => id)],
            );
            expect(busy).toEqual([]);
            await work.sql("delete from tasks");
          },
        ),
        propertyRuns(4, { isSlow: true }),
      );
    },
    propertyTimeoutMs(120_000),
  );
});

const hourMs = 3_600_000;
/** How much longer than a normal order one of that priority counts as having waited. */
const worthHours: Record<Priority, number> = { critical: 4, high: 1, normal: 0, low: -2 };

describe("the order in which work is taken", () => {
  it(
    "is by priority and age together, so that nothing is passed by for longer than six hours",
    async () => {
      const queued = fc.record({
        need,
        priority: fc.constantFrom(...priorities),
        // Minutes apart from each other, so that the time the test takes decides nothing.
        ageMinutes: fc.integer({ min: 0, max: 300 }).map((n) => n * 5 + 1),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(queued, {
            minLength: 2,
            maxLength: 10,
            selector: ({ priority, ageMinutes }) => ageMinutes + worthHours[priority] * 60,
          }),
          fc.array(ability, { minLength: 1, maxLength: 3 }),
          async (orders, abilities) => {
            const all = await register(abilities.map((able) => ({ able, slots: 20 })));
            const waiting: ((typeof orders)[number] & { id: string })[] = [];
            for (const one of orders) {
              const { id } = await work.createTask({ ...one.need, priority: one.priority });
              waiting.push({ ...one, id });
              await work.sql(
                `update work_orders set enqueued_at = enqueued_at - $2 * interval '1 minute',
                 ranked_at = ranked_at - $2 * interval '1 minute' where task_id = $1`,
                [id, one.ageMinutes],
              );
            }
            const rank = ({ ageMinutes, priority }: (typeof orders)[number]): number =>
              ageMinutes / 60 + worthHours[priority];
            let misses = 0;
            for (let turn = 0; misses < all.length; turn += 1) {
              const contender = all[turn % all.length];
              const able = waiting.filter((one) => contender && canDo(contender.able, one.need));
              const best = [...able].sort((a, b) => rank(b) - rank(a))[0];
              const got = await claimAs(contender);
              expect(got?.claim.task.id).toBe(best?.id);
              misses = best === undefined ? misses + 1 : 0;
              if (best === undefined) continue;
              waiting.splice(waiting.indexOf(best), 1);
              const overtaken = able.filter(
                (one) => one.ageMinutes > best.ageMinutes + (6 * hourMs) / 60_000,
              );
              expect(overtaken, "older by more than six hours, and left behind").toEqual([]);
            }
            await work.sql("delete from tasks");
          },
        ),
        propertyRuns(6, { isSlow: true }),
      );
    },
    propertyTimeoutMs(60_000),
  );
});
