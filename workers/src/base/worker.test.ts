import { join } from "node:path";
import {
  type Claim,
  type HeldOrder,
  type WorkerCommand,
  type WorkerHeartbeatReply,
  workerCommandSchema,
} from "@agentvine/contracts";
import { deferred, newId, sleep, systemClock } from "@agentvine/kit";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AttemptResult } from "../execution/executor-channel.ts";
import type { ExecutorEnd, ExecutorHandle } from "./executor-handle.ts";
import { ResultOutbox } from "./result-outbox.ts";
import { aClaim, apiError, bareCapabilities, silentLogger } from "./testing/fakes.ts";
import { readToolchains, startWorker, type WorkerOptions } from "./worker.ts";
import type { ResultApi, WorkerApi } from "./worker-api.ts";

const released: AttemptResult = { kind: "release", reason: "drained" };

/** An executor that does what the test tells it. */
const aHandle = () => {
  const ended = deferred<ExecutorEnd>();
  const gone = deferred<void>();
  const told: string[] = [];
  const finish = (end: ExecutorEnd): void => {
    ended.resolve(end);
    gone.resolve();
  };
  const handle: ExecutorHandle = {
    pid: 1,
    waiting: { totalMs: 0 },
    ended: ended.promise,
    gone: gone.promise,
    ping: async () => isAnswering,
    cancel: (reason) => told.push(`cancel: ${reason}`),
    drain: (reason) => {
      told.push(`drain: ${reason}`);
      finish({ kind: "result", result: released });
    },
    timeOut: (reason) => finish({ kind: "timed_out", reason }),
    fence: (reason) => {
      told.push("fence");
      finish({ kind: "lease_lost", reason });
    },
    confirmResult: () => told.push("confirmed"),
  };
  let isAnswering = true;
  return { handle, told, finish, mute: () => (isAnswering = false) };
};

describe("startWorker", () => {
  const dir = useTempDir();

  const aWorker = (
    changes: Partial<WorkerOptions> = {},
    setUp: { claims?: Claim[]; leaseMs?: number; register?: Error[]; protocol?: number } = {},
  ) => {
    const workerId = newId();
    const claims = setUp.claims ?? [];
    const commands: WorkerCommand[] = [];
    const executors: ReturnType<typeof aHandle>[] = [];
    const seen = {
      registered: 0,
      deregistered: 0,
      ready: 0,
      handedIn: [] as { how: string; workOrderId: string }[],
      held: [] as HeldOrder[][],
      cleaned: [] as string[],
    };
    const faults: { register: Error[]; heartbeat: Error[] } = {
      register: setUp.register ?? [],
      heartbeat: [],
    };
    const reply: { lost: HeldOrder[]; isRenewing: boolean } = { lost: [], isRenewing: true };
    const hang = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const api: WorkerApi = {
      register: async () => {
        const fault = faults.register.shift();
        if (fault !== undefined) throw fault;
        seen.registered += 1;
        const protocol = setUp.protocol ?? 1;
        return { worker: { id: workerId }, heartbeatMs: 20, leaseMs: 60_000, protocol } as Awaited<
          ReturnType<WorkerApi["register"]>
        >;
      },
      deregister: async () => {
        seen.deregistered += 1;
      },
      heartbeat: async (_, { orders }): Promise<WorkerHeartbeatReply> => {
        seen.held.push(orders);
        const fault = faults.heartbeat.shift();
        if (fault !== undefined) throw fault;
        const renewed = reply.isRenewing
          ? orders.map((order) => ({ ...order, leaseMs: setUp.leaseMs ?? 60_000 }))
          : [];
        return { renewed, lost: reply.lost, commands, heartbeatMs: 20 };
      },
      commands: async (_, __, signal) => await hang(signal),
      claim: async (body, _, signal) => {
        const claim = claims.shift();
        if (claim !== undefined) return claim;
        return body.waitSeconds === 0 ? undefined : await hang(signal);
      },
    };
    const take =
      (how: string) =>
      async (_: string, { workOrderId }: { workOrderId: string }) => {
        seen.handedIn.push({ how, workOrderId });
        return {
          workOrderId,
          attempt: 1,
          status: "completed",
          taskStatus: "completed",
          availableInMs: null,
        } as const;
      };
    const results: ResultApi = {
      complete: take("complete"),
      fail: take("fail"),
      release: take("release"),
      park: take("park"),
    };
    const worker = startWorker({
      api,
      outbox: new ResultOutbox({
        dir: join(dir(), "outbox"),
        api: results,
        logger: silentLogger,
        clock: systemClock,
        sleep,
      }),
      name: "w",
      version: "0",
      slots: 2,
      capabilities: bareCapabilities,
      config: {},
      dataDir: dir(),
      diskFreeBytesMin: 0,
      graceMs: 200,
      startExecutor: () => {
        const executor = aHandle();
        executors.push(executor);
        return executor.handle;
      },
      cleanUpExecution: async (executionId) => {
        seen.cleaned.push(executionId);
      },
      onReady: () => {
        seen.ready += 1;
      },
      logger: silentLogger,
      clock: systemClock,
      sleep,
      ...changes,
    });
    const end = async () => {
      worker.stop("test over");
      await worker.done.catch(() => undefined);
    };
    onTestFinished(end);
    return { worker, seen, executors, claims, commands, faults, reply, end };
  };
  const executor = async (world: ReturnType<typeof aWorker>, index = 0) => {
    await waitUntil(() => world.executors.length > index);
    const found = world.executors[index];
    if (found === undefined) throw new Error("no executor");
    return found;
  };
  const command = (claim: Claim | null, type: WorkerCommand["type"], position = 1): WorkerCommand => ({
    position,
    type,
    workOrderId: claim?.workOrder.id ?? null,
    attempt: claim?.attempt ?? null,
    reason: "",
  });

  it("registers although the backend starts later, works an order to its end, and deregisters", async () => {
    const claim = aClaim();
    const world = aWorker({}, { claims: [claim], register: [apiError("server.unreachable")] });
    const running = await executor(world);
    await waitUntil(() => world.seen.held.some((orders) => orders.length === 1));
    running.finish({ kind: "result", result: released });
    await waitUntil(() => world.seen.handedIn.length === 1);
    await waitUntil(() => world.seen.cleaned.length === 1);
    expect(running.told).toEqual(["confirmed"]);
    expect(world.seen.cleaned).toEqual([claim.executionId]);
    world.worker.stop("enough");
    await world.worker.done;
    expect([world.seen.registered, world.seen.ready, world.seen.deregistered]).toEqual([1, 1, 1]);
  });

  it("stops before it ever reached a backend", async () => {
    const world = aWorker(
      {},
      { register: Array.from({ length: 100 }, () => apiError("server.unreachable")) },
    );
    await waitUntil(() => world.faults.register.length < 100);
    world.worker.stop("enough");
    await world.worker.done;
    expect(world.seen.ready).toBe(0);
  });

  it.each([
    ["auth.invalid", "auth.invalid"],
    ["request.invalid", "request.invalid"],
  ] as const)("ends with %s when it can't register", async (code, expected) => {
    const world = aWorker({}, { register: [apiError(code)] });
    await expect(world.worker.done).rejects.toMatchObject({ code: expected });
  });

  it("stops its work and hands nothing in when its key is revoked", async () => {
    const world = aWorker({}, { claims: [aClaim()] });
    const running = await executor(world);
    world.faults.heartbeat.push(apiError("auth.invalid"));
    await expect(world.worker.done).rejects.toMatchObject({ code: "auth.invalid" });
    expect(running.told).toEqual(["fence"]);
    expect([world.seen.handedIn.length, world.seen.deregistered, world.seen.cleaned.length]).toEqual([
      0, 0, 1,
    ]);
  });

  it("stops when another process took its name", async () => {
    const world = aWorker();
    world.faults.heartbeat.push(apiError("worker.superseded"));
    await expect(world.worker.done).rejects.toMatchObject({ code: "worker.superseded" });
    expect(world.seen.deregistered).toBe(0);
  });

  it("ends with what to update when the backend finds it too old, or is too old itself, and asks no second time", async () => {
    const old = aWorker(
      {},
      { register: [apiError("worker.protocol_unsupported"), apiError("auth.invalid")] },
    );
    await expect(old.worker.done).rejects.toMatchObject({ code: "worker.protocol_unsupported" });
    const modern = aWorker({ version: "9.1.0" }, { protocol: 0 });
    await expect(modern.worker.done).rejects.toMatchObject({
      code: "worker.protocol_unsupported",
      message: expect.stringMatching(/backend speaks protocol 0.*Install version 9\.1\.0 for the backend/),
    });
    expect([old.seen.ready, modern.seen.ready, modern.seen.registered]).toEqual([0, 0, 1]);
  });

  it("passes over a command that only a newer worker knows, and goes on with its work", async () => {
    const claim = aClaim();
    const world = aWorker({}, { claims: [claim] });
    const running = await executor(world);
    world.commands.push(workerCommandSchema.parse({ ...command(claim, "drain"), type: "hibernate" }));
    const beats = world.seen.held.length;
    await waitUntil(() => world.seen.held.length > beats + 2);
    expect(running.told).toEqual([]);
    expect(world.seen.held.at(-1)).toHaveLength(1);
  });

  it("goes on with its work when a person writes to its agent", async () => {
    const claim = aClaim();
    const world = aWorker({}, { claims: [claim] });
    const running = await executor(world);
    world.commands.push(command(claim, "message"));
    const beats = world.seen.held.length;
    await waitUntil(() => world.seen.held.length > beats + 2);
    expect(running.told).toEqual([]);
    expect(world.seen.held.at(-1)).toHaveLength(1);
  });

  it("does not renew for an executor that does not answer, fences it in time and hands nothing in", async () => {
    const world = aWorker({}, { claims: [aClaim({ leaseMs: 200 })], leaseMs: 200 });
    const running = await executor(world);
    running.mute();
    await waitUntil(() => running.told.includes("fence"));
    await waitUntil(() => world.seen.cleaned.length === 1);
    expect(world.seen.handedIn).toEqual([]);
    expect(world.seen.held.at(-1)).toEqual([]);
  });

  it("told to wait with every heartbeat for longer than its lease, asks on, fences its work in time and hands nothing in", async () => {
    const world = aWorker({}, { claims: [aClaim({ leaseMs: 400 })], leaseMs: 400 });
    const running = await executor(world);
    const limited = apiError("request.rate_limited", { retryAfterMs: 600_000 });
    world.faults.heartbeat.push(...Array.from({ length: 1_000 }, () => limited));
    const beats = world.seen.held.length;
    await waitUntil(() => running.told.includes("fence"));
    await waitUntil(() => world.seen.cleaned.length === 1);
    expect(world.seen.held.length - beats).toBeGreaterThanOrEqual(3);
    expect(world.seen.handedIn).toEqual([]);
  });

  it("stops an attempt the backend says is lost, and none of another number", async () => {
    const claim = aClaim();
    const world = aWorker({}, { claims: [claim] });
    const running = await executor(world);
    world.reply.lost = [{ workOrderId: claim.workOrder.id, attempt: 7 }];
    const beats = world.seen.held.length;
    await waitUntil(() => world.seen.held.length > beats + 2);
    expect(running.told).toEqual([]);
    world.reply.lost = [{ workOrderId: claim.workOrder.id, attempt: 1 }];
    await waitUntil(() => running.told.includes("fence"));
  });

  it("carries cancel and stop of an attempt out, and hands a cancelled one in", async () => {
    const claims = [aClaim(), aClaim()];
    const [first, second] = claims as [Claim, Claim];
    const world = aWorker({}, { claims: [...claims] });
    const cancelled = await executor(world, 0);
    const stopped = await executor(world, 1);
    world.commands.push(command(first, "cancel"), command(second, "stop_attempt", 2));
    await waitUntil(() => stopped.told.includes("fence"));
    expect(cancelled.told).toEqual(["cancel: the task was cancelled"]);
    cancelled.finish({ kind: "cancelled", reason: "did not come back" });
    await waitUntil(() => world.seen.handedIn.length === 1);
    expect(world.seen.handedIn).toEqual([{ how: "fail", workOrderId: first.workOrder.id }]);
  });

  it("hands in why an executor broke or ran out of time", async () => {
    const world = aWorker({}, { claims: [aClaim(), aClaim()] });
    (await executor(world, 0)).finish({ kind: "crashed", reason: "gone" });
    (await executor(world, 1)).finish({ kind: "timed_out", reason: "late" });
    await waitUntil(() => world.seen.handedIn.length === 2);
    expect(world.seen.handedIn.map(({ how }) => how)).toEqual(["fail", "fail"]);
  });

  it("lets work finish after a drain command for as long as it takes, then ends", async () => {
    const world = aWorker({ graceMs: 20 }, { claims: [aClaim()] });
    const running = await executor(world);
    world.commands.push(command(null, "drain"));
    const beats = world.seen.held.length;
    await waitUntil(() => world.seen.held.length > beats + 4);
    expect(running.told).toEqual([]);
    running.finish({ kind: "result", result: released });
    await world.worker.done;
    expect(world.seen.deregistered).toBe(1);
  });

  it("gives unfinished work back when half of the grace time is over", async () => {
    const world = aWorker({ graceMs: 100 }, { claims: [aClaim()] });
    const running = await executor(world);
    world.worker.stop("SIGTERM");
    await world.worker.done;
    expect(running.told).toEqual(["drain: SIGTERM", "confirmed"]);
    expect(world.seen.handedIn.map(({ how }) => how)).toEqual(["release"]);
  });

  it("releases for an executor that did not do it itself", async () => {
    const world = aWorker({ graceMs: 100 }, { claims: [aClaim()] });
    (await executor(world)).finish({ kind: "drained", reason: "SIGTERM" });
    await waitUntil(() => world.seen.handedIn.length === 1);
    expect(world.seen.handedIn[0]?.how).toBe("release");
  });

  it("hands in what an earlier process left behind", async () => {
    const outbox = new ResultOutbox({
      dir: join(dir(), "outbox"),
      api: {} as ResultApi,
      logger: silentLogger,
      clock: systemClock,
      sleep,
    });
    const workOrderId = newId();
    await outbox.keep({ workOrderId, attempt: 3, executionId: newId(), attemptToken: "t", result: released });
    const world = aWorker();
    await waitUntil(() => world.seen.handedIn.length === 1);
    expect(world.seen.handedIn).toEqual([{ how: "release", workOrderId }]);
  });

  it("takes no work while the disk is too full, and says why", async () => {
    const world = aWorker({ diskFreeBytesMin: Number.MAX_SAFE_INTEGER }, { claims: [aClaim()] });
    await waitUntil(() => world.seen.held.length > 2);
    expect(world.executors).toHaveLength(0);
  });
});

describe("readToolchains", () => {
  it("names node and git, and leaves out what is not there", async () => {
    expect(await readToolchains(process.env.PATH ?? "")).toMatchObject({
      node: process.versions.node,
      git: expect.stringMatching(/^\d/),
    });
    expect(await readToolchains("/nowhere")).toEqual({ node: process.versions.node });
  });
});
