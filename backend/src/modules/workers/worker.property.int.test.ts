import {
  type Claim,
  nextStatus,
  type WorkerEvent,
  type WorkerHeartbeatReply,
  type WorkerStatus,
  workerMachine,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { propertyRuns, propertyTimeoutMs } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { createReaperService, defaultRetryPolicy } from "../queue/index.ts";

let work: WorkFixture;
let reaper: ReturnType<typeof createReaperService>;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
  await work.app.work.sweeps.stop();
  reaper = createReaperService({
    db: work.app.database.db,
    retry: { ...defaultRetryPolicy, lostLeasesMax: 1_000 },
  });
});
afterAll(() => work.close());

const slots = 2;

/** One process that registered under the name, and all it was ever given. */
interface Process extends TestWorker {
  claims: Claim[];
}

/** Two names, and the processes that had them. */
interface World {
  names: { name: string; processes: Process[] }[];
}

interface Row {
  id: string;
  name: string;
  instance_id: string;
  status: WorkerStatus;
  active_count: number;
  is_gone: boolean;
  held: string[];
}

const readRows = (world: World): Promise<Row[]> =>
  work.sql<Row>(
    `select w.id, w.name, w.instance_id, w.status, w.active_count, w.deregistered_at is not null as is_gone,
       array(select o.id::text from work_orders o where o.status = 'claimed' and o.worker_id = w.id
         and o.worker_instance_id = w.instance_id) as held
     from workers w where w.name = any($1) order by w.name`,
    [world.names.map(({ name }) => name)],
  );

const statusOfRow = (row: Row | undefined, process: Process): "current" | "superseded" | "gone" =>
  row === undefined || row.is_gone
    ? "gone"
    : row.instance_id === process.instanceId
      ? "current"
      : "superseded";

const expectedStatus = { current: 200, superseded: 409, gone: 404 };

/** What one act finds: who acts, how his row was before the step, and whether he is alone in it. */
interface Scene {
  world: World;
  who: World["names"][number];
  process: Process;
  before: Row | undefined;
  isAlone: boolean;
  pick: number;
}

async function register({ who }: Scene, instanceId: string): Promise<void> {
  const worker = await work.registerWorker({ name: who.name, instanceId, slots });
  const known = who.processes.find((one) => one.instanceId === instanceId);
  who.processes.push({ ...worker, claims: known?.claims ?? [] });
}

async function claim({ process, before, isAlone }: Scene): Promise<void> {
  const { status, body } = await work.claim(process);
  const state = statusOfRow(before, process);
  if (status === 200) {
    process.claims.push(body);
    const [order] = await work.sql<{ worker_instance_id: string | null }>(
      "select worker_instance_id from work_orders where id = $1 and attempt = $2",
      [body.workOrder.id, body.attempt],
    );
    expect([process.instanceId, null, undefined]).toContain(order?.worker_instance_id);
  }
  if (!isAlone) return;
  const mayClaim = state === "current" && (before?.status === "idle" || before?.status === "busy");
  const isFree = (before?.active_count ?? 0) < slots;
  const isThereWork =
    status === 200 || (await work.sql("select from work_orders where status = 'pending'")).length > 0;
  expect(status).toBe(
    state !== "current" ? expectedStatus[state] : mayClaim && isFree && isThereWork ? 200 : 204,
  );
}

async function beat(scene: Scene, fault: string | null): Promise<void> {
  const { process, before, isAlone, pick } = scene;
  const everybody = scene.world.names.flatMap(({ processes }) => processes);
  const listed = pick % 3 === 0 ? [...new Set(everybody.flatMap(({ claims }) => claims))] : process.claims;
  const orders = listed.slice(-100).map(({ workOrder, attempt }) => ({
    workOrderId: workOrder.id,
    attempt: attempt + (pick % 7 === 6 ? 1 : 0),
  }));
  const { status, body } = await work.heartbeat(process, { orders, fault });
  expect([200, 404, 409]).toContain(status);
  if (!isAlone) return;
  const state = statusOfRow(before, process);
  expect(status).toBe(expectedStatus[state]);
  if (status !== 200) return;
  const { renewed, lost } = body as WorkerHeartbeatReply;
  const held = await work.sql<{ id: string; attempt: number }>(
    "select id, attempt from work_orders where status = 'claimed' and worker_instance_id = $1",
    [process.instanceId],
  );
  const keys = new Set(held.map(({ id, attempt }) => `${id} ${attempt}`));
  const keyOf = (one: { workOrderId: string; attempt: number }) => `${one.workOrderId} ${one.attempt}`;
  const [mine, others] = [
    orders.filter((one) => keys.has(keyOf(one))),
    orders.filter((one) => !keys.has(keyOf(one))),
  ];
  expect(renewed.map(keyOf).sort()).toEqual(mine.map(keyOf).sort());
  expect(lost.map(keyOf).sort()).toEqual(others.map(keyOf).sort());
}

/** Of what any process under the name was given lately: results of a replaced one still count. */
const withClaim =
  (act: (claim: Claim) => Promise<unknown>) =>
  async ({ who, pick }: Scene): Promise<void> => {
    const all = [...new Set(who.processes.flatMap(({ claims }) => claims))].slice(-4);
    const one = all[pick % Math.max(1, all.length)];
    if (one !== undefined) await act(one);
  };

const admin = (method: string, path: string, body?: unknown) =>
  work.app.request(method, `/api/v1/workers/${path}`, body === undefined ? {} : { body });

const acts = {
  claim,
  complete: withClaim((one) => work.complete(one)),
  release: withClaim((one) => work.post(one, "release", { reason: "drain" })),
  lose: withClaim(async (one) => {
    await work.expireLease(one.workOrder.id);
    await reaper.reapLeases();
  }),
  beat: (scene: Scene) => beat(scene, null),
  fault: (scene: Scene) => beat(scene, "disk full"),
  start: (scene: Scene) => register(scene, newId()),
  registerAgain: (scene: Scene) => register(scene, scene.process.instanceId),
  drain: async ({ process }: Scene) => {
    expect((await admin("POST", `${process.id}/drain`, {})).status).toBeLessThan(500);
  },
  vanish: async ({ process }: Scene) => {
    await work.sql("update workers set last_heartbeat_at = now() - interval '1 day' where id = $1", [
      process.id,
    ]);
    await work.app.work.workers.sweepVanished();
  },
  deregister: async ({ process, before, isAlone, pick }: Scene) => {
    const isForced = pick % 2 === 0;
    const { status } = await admin("DELETE", `${process.id}?force=${isForced}`);
    expect([204, 404, 409]).toContain(status);
    if (!isAlone || before === undefined) return;
    expect(status === 404).toBe(before.is_gone);
  },
} satisfies Record<string, (scene: Scene) => Promise<void>>;
type ActName = keyof typeof acts;

/** Statuses that one event of the history may lead to, from one status. */
function reach(from: WorkerStatus, event: WorkerEvent): WorkerStatus[] {
  const to = nextStatus(workerMachine, from, event);
  return to === undefined ? [] : [to];
}

interface HistoryEvent {
  type: string;
  data: { status?: WorkerStatus };
}

const everyEvent = [...new Set(workerMachine.transitions.map(({ event }) => event))];

/** Where the event leads from that status by the table of the contracts; undefined when the table has no such way. */
function follow(from: WorkerStatus, { type, data }: HistoryEvent): WorkerStatus | undefined {
  if (type === "worker.registered") return reach(from, "register")[0];
  if (type === "worker.deregistered") return from === "offline" ? from : reach(from, "vanish")[0];
  const to = data.status;
  const next = everyEvent.filter((event) => event !== "register").flatMap((event) => reach(from, event));
  if (to !== undefined && next.includes(to)) return to;
  // A heartbeat after a fault or a silence, of a worker that still holds work: it recovers and is busy at once.
  return to === "busy" && reach(from, "recover").includes("idle") ? to : undefined;
}

/** True when the events, in some order, lead from the one status to the other. What happens at one moment has no order. */
function leads(from: WorkerStatus, to: WorkerStatus, events: readonly HistoryEvent[]): boolean {
  if (events.length === 0) return from === to;
  return events.some((event, index) => {
    const next = follow(from, event);
    return next !== undefined && leads(next, to, events.toSpliced(index, 1));
  });
}

async function checkMoment(world: World, before: Row[], seen: Map<string, number>): Promise<Row[]> {
  const rows = await readRows(world);
  for (const row of rows) {
    const events = await work.sql<HistoryEvent>(
      "select type, data from events where worker_id = $1 and type like 'worker.%' order by xid, id",
      [row.id],
    );
    const fresh = events.slice(seen.get(row.id) ?? 0);
    seen.set(row.id, events.length);
    const from = before.find(({ id }) => id === row.id)?.status ?? "idle";
    const told = fresh.map(({ type, data }) => `${type} ${data.status ?? ""}`).join(", ");
    expect(leads(from, row.status, fresh), `${from} to ${row.status} by: ${told}`).toBe(true);
    const isResting = row.status !== "idle" || row.active_count === 0;
    expect(isResting && (row.status !== "busy" || row.active_count > 0), JSON.stringify(row)).toBe(true);
    expect(row.active_count, `${row.status} ${row.is_gone ? "gone" : ""} ${told}`).toBe(row.held.length);
    expect(row.active_count).toBeLessThanOrEqual(slots);
  }
  return rows;
}

const weights: Partial<Record<ActName, number>> = { claim: 6, complete: 2, beat: 4, start: 3 };
const oneAct = fc.record({
  name: fc.oneof(
    ...(Object.keys(acts) as ActName[]).map((name) => ({
      weight: weights[name] ?? 1,
      arbitrary: fc.constant(name),
    })),
  ),
  who: fc.nat(1),
  /** 0: the process that registered last; 1: the one before. */
  age: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  pick: fc.nat(20),
});

describe("whatever happens to workers, in whatever order and at the same moment", () => {
  it(
    "their status moves only as its table allows, and their slots are what they hold",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(oneAct, { minLength: 1, maxLength: 2 }), { minLength: 8, maxLength: 25 }),
          async (moments) => {
            const world: World = { names: [] };
            for (let n = 0; n < 2; n += 1) {
              const worker = await work.registerWorker({ slots });
              world.names.push({ name: worker.name, processes: [{ ...worker, claims: [] }] });
            }
            for (let n = 0; n < 8; n += 1) await work.createTask();
            const seen = new Map<string, number>();
            try {
              let rows = await checkMoment(world, [], seen);
              for (const moment of moments) {
                await Promise.all(
                  moment.map(async ({ name, who: number, age, pick }) => {
                    const who = world.names[number];
                    const process = who?.processes.at(-1 - (age % who.processes.length));
                    if (who === undefined || process === undefined) return;
                    const before = rows.find((row) => row.name === who.name);
                    await acts[name]({ world, who, process, before, isAlone: moment.length === 1, pick });
                  }),
                );
                rows = await checkMoment(world, rows, seen);
              }
            } finally {
              await work.sql("delete from tasks");
            }
          },
        ),
        propertyRuns(10, { isSlow: true }),
      );
    },
    propertyTimeoutMs(120_000),
  );
});
