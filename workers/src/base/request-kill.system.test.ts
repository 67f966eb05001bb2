import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { endpoints, type Task, type WorkerRequest } from "@agentvine/contracts";
import { FaultProxy, waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { always, modelWith } from "../agents/testing/scripted-turn.ts";
import { patient, useFleet } from "./testing/fleet.ts";

/** The one child of a worker that runs an order. */
const executorOf = (workerPid: number): number => {
  const children = readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return /\) \S (\d+) /.exec(readFileSync(`/proc/${name}/stat`, "utf8"))?.[1] === String(workerPid);
    } catch {
      return false; // gone meanwhile
    }
  });
  const executors = children.filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("executor-main"),
  );
  if (executors.length !== 1) throw new Error(`${executors.length} executors run`);
  return Number(executors[0]);
};

/**
 * What an agent was allowed to do happens once, and people are asked once, whatever is killed. The command writes a line outside the
 * workspace each time it runs.
 */
describe("a call that a person allows", { timeout: 120_000 }, () => {
  const { backend, client, dir, aName, aWorker, aTask, until, executionsOf } = useFleet();
  const log = () => join(dir(), "ran.log");
  const hold = () => join(dir(), "hold");
  const ran = (): number => (existsSync(log()) ? readFileSync(log(), "utf8").split("\n").length - 1 : 0);

  /** An agent that writes a guide, runs the command until it ran or was refused, and is done. */
  const aModel = async () => {
    const command = `echo ran >> ${log()}; while [ -e ${hold()} ]; do sleep 0.05; done`;
    return await modelWith(
      always(({ phases }) => {
        const results = phases.flatMap(({ turns }) => turns.flatMap((turn) => turn.results));
        if (!results.some(({ call }) => call.name === "write_file")) {
          return {
            calls: [{ name: "write_file", input: { path: "GUIDE.md", content: "# Guide\n\nSums.\n" } }],
          };
        }
        const isOver = results.some(
          ({ call, text }) => call.name === "run_command" && /exit code 0|it was denied/.test(text),
        );
        return isOver
          ? { text: "done" }
          : { text: "It must be noted.", calls: [{ name: "run_command", input: { command } }] };
      }),
    );
  };
  const setUp = async (waitSeconds: number, killed: "worker" | "executor" = "worker") => {
    const proxy = await FaultProxy.start(backend().url);
    onTestFinished(() => proxy.stop());
    const model = await aModel();
    const label = aName();
    const start = (serverUrl: string, name = aName()) =>
      aWorker({
        name,
        serverUrl,
        env: {
          AGENTVINE_WORKER_LABELS: label,
          AGENTVINE_WORKER_AGENT_COMMAND: "",
          AGENTVINE_MODEL: "scripted/demo",
          AGENTVINE_MODEL_BASE_URL: model.baseUrl,
          AGENTVINE_WORKER_ANSWER_WAIT_SECONDS: String(waitSeconds),
        },
      });
    const victim = start(proxy.url);
    await victim.ready;
    const task = await aTask(label);
    /** Kills without a word: a worker, which another one follows, or the executor alone, whose worker goes on. */
    const kill = (): void => {
      if (killed === "worker") victim.signal("SIGKILL");
      else process.kill(executorOf(victim.pid), "SIGKILL");
    };
    const follow = (): void => {
      if (killed === "worker") start(backend().url);
      else proxy.heal();
    };
    return { proxy, task, kill, follow };
  };
  const requestsOf = async (task: Task): Promise<WorkerRequest[]> =>
    (await client().call(endpoints.workerRequests.list, { query: { taskId: task.id, order: "asc" } })).items;
  const untilAsked = (task: Task, count = 1): Promise<WorkerRequest> =>
    waitUntil(
      async () => {
        const requests = await requestsOf(task);
        return requests.length === count && requests.at(-1)?.status === "human" ? requests.at(-1) : undefined;
      },
      { ...patient, message: `question ${count} to be there` },
    );
  const answer = (request: WorkerRequest, body: { decision: "allow" | "deny" }): Promise<WorkerRequest> =>
    client().call(endpoints.workerRequests.answer, {
      params: { requestId: request.id },
      body: { generation: request.generation, ...body },
    });
  const allow = (request: WorkerRequest) => answer(request, { decision: "allow" });
  const newest = async (task: Task): Promise<WorkerRequest> => {
    const request = (await requestsOf(task)).at(-1);
    if (request === undefined) throw new Error("nothing was asked");
    return request;
  };
  const isAt = (end: string) => (seen: { path: string }) => seen.path.split("?")[0]?.endsWith(end) ?? false;
  const seen = (proxy: FaultProxy, end: string) =>
    waitUntil(() => proxy.count(isAt(end)) > 0, { ...patient, message: `a call of ${end}` });

  it("runs once, and the execution that waited live goes on in place", async () => {
    const { task } = await setUp(60);
    const request = await untilAsked(task);
    expect(request).toMatchObject({
      kind: "approval",
      reason: expect.stringContaining("It must be noted."),
      approval: { tool: "run_command", toolClass: "outside_workspace" },
    });
    await allow(request);
    expect((await until(task, "completed")).runs).toBe(1);
    expect(ran()).toBe(1);
    const [settled, ...others] = await requestsOf(task);
    expect(others).toEqual([]);
    expect(settled?.spentAt).not.toBeNull();
    const run = (await executionsOf(task)).find(({ kind }) => kind === "run");
    expect(run?.metrics?.waitingMs).toBeGreaterThan(0);
  });

  it("gives the slot back while it waits for long, and goes on with the answer as its next prompt", async () => {
    const { task } = await setUp(0);
    const request = await untilAsked(task);
    await waitUntil(async () => (await newest(task)).isParked, { ...patient, message: "it to be parked" });
    await allow(request);
    await until(task, "completed");
    expect(ran()).toBe(1);
    expect(await requestsOf(task)).toHaveLength(1);
  });

  it("is denied: never runs, and the agent goes on without it", async () => {
    const { task } = await setUp(60);
    await answer(await untilAsked(task), { decision: "deny" });
    await until(task, "completed");
    expect(ran()).toBe(0);
  });

  it("loses nothing when the answer comes at the moment of parking", async () => {
    const { proxy, task } = await setUp(0);
    const letGo = proxy.swallow(isAt("/queue/park"));
    const request = await untilAsked(task);
    await seen(proxy, "/queue/park");
    await allow(request);
    letGo();
    await until(task, "completed");
    expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
  });

  it("that ran and is in the checkpoint is neither asked for nor run again when the worker dies after it", async () => {
    const { proxy, task, kill, follow } = await setUp(60);
    proxy.swallow(isAt("/queue/complete"));
    await allow(await untilAsked(task));
    await seen(proxy, "/queue/complete");
    kill();
    follow();
    await until(task, "completed");
    expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
  });

  it("is asked for once and runs once when the worker dies before its wait is on record", async () => {
    const { proxy, task, kill, follow } = await setUp(0);
    proxy.swallow(isAt("/queue/park"));
    const request = await untilAsked(task);
    await seen(proxy, "/queue/park");
    kill();
    await allow(request);
    follow();
    await until(task, "completed");
    expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
  });

  describe.each(["worker", "executor"] as const)("whose %s is killed", (killed) => {
    it("is asked for once and runs once when it dies before it hears that it asked", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      proxy.cutReplies(1_000, isAt("/worker-requests"));
      await untilAsked(task);
      kill();
      follow();
      await waitUntil(async () => (await newest(task)).attempt === 2, {
        ...patient,
        message: "its adoption",
      });
      await allow(await newest(task));
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
    });

    it("is asked for once and runs once when it dies while it waits", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      await untilAsked(task);
      await seen(proxy, "/wait");
      kill();
      // Answered while nobody is there to hear it.
      await allow(await newest(task));
      follow();
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
    });

    it("is asked for once and runs once when it dies between the answer and its use", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      proxy.swallow(isAt("/spend"));
      await allow(await untilAsked(task));
      await seen(proxy, "/spend");
      kill();
      follow();
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
    });

    it("used up but perhaps not run when it died, does not run again without another allowance", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      proxy.cutReplies(1_000, isAt("/spend"));
      await allow(await untilAsked(task));
      await waitUntil(async () => (await newest(task)).spentAt !== null, { ...patient, message: "its use" });
      kill();
      follow();
      const second = await untilAsked(task, 2);
      expect(ran()).toBe(0);
      await allow(second);
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 2]);
    });

    it("killed while it runs, does not run again without another allowance", async () => {
      const { task, kill, follow } = await setUp(60, killed);
      writeFileSync(hold(), "");
      await allow(await untilAsked(task));
      await waitUntil(() => ran() === 1, { ...patient, message: "the command to run" });
      kill();
      follow();
      const second = await untilAsked(task, 2);
      await rm(hold());
      await answer(second, { decision: "deny" });
      await until(task, "completed");
      expect(ran()).toBe(1);
    });
  });
});
