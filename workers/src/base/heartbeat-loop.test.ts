import type { HeldOrder, WorkerCommand, WorkerHeartbeat, WorkerHeartbeatReply } from "@agentvine/contracts";
import { type AppError, newId } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { CommandInbox } from "./command-inbox.ts";
import { runCommandLoop } from "./command-loop.ts";
import { runHeartbeatLoop } from "./heartbeat-loop.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";
import { apiError, silentLogger } from "./testing/fakes.ts";

const metrics = {
  loadAverage: 0,
  memoryUsedBytes: 0,
  memoryTotalBytes: 0,
  diskFreeBytes: 0,
  supervisorRssBytes: 0,
};
const quiet: WorkerHeartbeatReply = { renewed: [], lost: [], commands: [], heartbeatMs: 15_000 };
const aCommand = (position: number): WorkerCommand => ({
  position,
  type: "drain",
  workOrderId: null,
  attempt: null,
  reason: "",
});

const aLoop = (answers: (Partial<WorkerHeartbeatReply> | Error)[], random = 0.5) => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const beats: { atMs: number; body: WorkerHeartbeat; timeoutMs: number }[] = [];
  const handled: number[] = [];
  const held: HeldOrder[] = [{ workOrderId: newId(), attempt: 1 }];
  const seen = {
    renewed: [] as [HeldOrder, number, number][],
    lost: [] as HeldOrder[],
    fatal: [] as AppError[],
    registered: 0,
  };
  const done = runHeartbeatLoop(
    {
      api: {
        heartbeat: async (_, body, { timeoutMs }) => {
          beats.push({ atMs: clock.monotonicMs(), body, timeoutMs });
          const answer = answers.shift() ?? {};
          if (answer instanceof Error) throw answer;
          return { ...quiet, ...answer };
        },
      },
      workerId: () => "worker",
      instanceId: "instance",
      executions: {
        answering: async () => held,
        renew: (order, leaseMs, sentAtMs) => seen.renewed.push([order, leaseMs, sentAtMs]),
        lose: (order) => seen.lost.push(order),
      },
      inbox: new CommandInbox((command) => handled.push(command.position)),
      readMetrics: async () => metrics,
      readFault: async () => "disk full",
      heartbeatMs: 15_000,
      onUnknownWorker: async () => {
        seen.registered += 1;
      },
      onFatal: (error) => seen.fatal.push(error),
      logger: silentLogger,
      clock,
      sleep: clock.sleep,
      random: () => random,
    },
    stop.signal,
  );
  const end = async () => {
    stop.abort(new Error("stop"));
    await done;
  };
  return { clock, beats, handled, held, seen, done, end };
};

describe("runHeartbeatLoop", () => {
  it("sends what answers, how the machine is, and what is wrong", async () => {
    const loop = aLoop([]);
    await loop.clock.advance(15_000);
    expect(loop.beats[0]?.body).toEqual({
      instanceId: "instance",
      orders: loop.held,
      metrics,
      fault: "disk full",
      commandsSeen: 0,
    });
    await loop.end();
  });

  it.each([
    [0, 12_000],
    [0.5, 15_000],
    [1, 18_000],
  ])("spreads its beats by a fifth (random %d → %d ms)", async (random, delayMs) => {
    const loop = aLoop([], random);
    expect(loop.clock.delaysMs).toEqual([delayMs]);
    await loop.end();
  });

  it("keeps the interval the backend wishes", async () => {
    const loop = aLoop([{ heartbeatMs: 500 }, { heartbeatMs: 500 }]);
    await loop.clock.advance(16_000);
    expect(loop.beats.map(({ atMs }) => atMs)).toEqual([15_000, 15_500, 16_000]);
    expect(loop.beats.map(({ timeoutMs }) => timeoutMs)).toEqual([10_000, 1_000, 1_000]);
    await loop.end();
  });

  it("renews by the time the heartbeat was sent, and hands on what is lost", async () => {
    const kept = { workOrderId: newId(), attempt: 2 };
    const gone = { workOrderId: newId(), attempt: 1 };
    const loop = aLoop([{ renewed: [{ ...kept, leaseMs: 60_000 }], lost: [gone] }]);
    await loop.clock.advance(15_000);
    expect(loop.seen.renewed).toEqual([[kept, 60_000, 15_000]]);
    expect(loop.seen.lost).toEqual([gone]);
    await loop.end();
  });

  it("carries a command out once, whichever way it comes and however often", async () => {
    const loop = aLoop([
      { commands: [aCommand(2), aCommand(1)] },
      { commands: [aCommand(2), aCommand(3)] },
      {},
    ]);
    await loop.clock.advance(45_000);
    expect(loop.handled).toEqual([1, 2, 3]);
    expect(loop.beats.map(({ body }) => body.commandsSeen)).toEqual([0, 2, 3]);
    await loop.end();
  });

  it("tries again soon after a failure, many times before a lease of four intervals is over", async () => {
    const down = Array.from({ length: 50 }, () => apiError("server.unreachable"));
    const loop = aLoop(down, 1);
    await loop.clock.advance(60_000);
    expect(loop.beats.length).toBeGreaterThan(5);
    await loop.end();
  });

  it.each([0, 0.5, 1])(
    "waits when it is told to and a while more, others being told as well (random %d)",
    async (random) => {
      const limited = apiError("request.rate_limited", { retryAfterMs: 4_000 });
      const loop = aLoop([limited], random);
      await loop.clock.advance(60_000);
      const [first, second] = loop.beats;
      const waitedMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
      expect(waitedMs).toBe(5_000 + random * 4_000);
      await loop.end();
    },
  );

  it.each([0, 0.5, 1])(
    "asks at least three times before a lease of four intervals is over, however long it is told to wait (random %d)",
    async (random) => {
      const limited = Array.from({ length: 50 }, () =>
        apiError("request.rate_limited", { retryAfterMs: 600_000 }),
      );
      const loop = aLoop(limited, random);
      await loop.clock.advance(55_000);
      expect(loop.beats.length).toBeGreaterThanOrEqual(3);
      expect(loop.beats.length).toBeLessThanOrEqual(5);
      await loop.end();
    },
  );

  it("stops for good when the key is refused or the name taken over", async () => {
    for (const code of ["auth.invalid", "worker.superseded"] as const) {
      const loop = aLoop([apiError(code)]);
      await loop.clock.advance(15_000);
      await loop.done;
      expect(loop.seen.fatal.map((error) => error.code)).toEqual([code]);
    }
  });

  it("registers again when the backend forgot the worker", async () => {
    const loop = aLoop([apiError("worker.not_found")]);
    await loop.clock.advance(15_000);
    expect(loop.seen.registered).toBe(1);
    await loop.end();
  });
});

describe("runCommandLoop", () => {
  it("goes on from the last position it carried out, through failures", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const answers = [[aCommand(1)], apiError("server.unreachable"), [aCommand(1), aCommand(4)]];
    const asked: number[] = [];
    const handled: number[] = [];
    const done = runCommandLoop(
      {
        api: {
          commands: async (_, { after }, signal) => {
            asked.push(after);
            const answer = answers.shift();
            if (answer instanceof Error) throw answer;
            if (answer !== undefined) return answer;
            return await new Promise((__, reject) =>
              signal.addEventListener("abort", () => reject(signal.reason)),
            );
          },
        },
        clock,
        workerId: () => "worker",
        instanceId: "instance",
        inbox: new CommandInbox(({ position }) => handled.push(position)),
        waitSeconds: 25,
        logger: silentLogger,
        sleep: clock.sleep,
        random: () => 0.5,
      },
      stop.signal,
    );
    await settle();
    expect(asked).toEqual([0, 1]);
    await clock.advance(500);
    expect(asked).toEqual([0, 1, 1, 4]);
    expect(handled).toEqual([1, 4]);
    stop.abort(new Error("stop"));
    await done;
  });

  it("does not storm a backend that sends it home at once", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    let polls = 0;
    const done = runCommandLoop(
      {
        api: {
          commands: async () => {
            polls += 1;
            return [];
          },
        },
        workerId: () => "worker",
        instanceId: "instance",
        inbox: new CommandInbox(() => undefined),
        waitSeconds: 25,
        logger: silentLogger,
        clock,
        sleep: clock.sleep,
        random: () => 0.5,
      },
      stop.signal,
    );
    await clock.advance(60_000);
    expect(polls).toBeLessThan(20);
    stop.abort(new Error("stop"));
    await done;
  });
});
