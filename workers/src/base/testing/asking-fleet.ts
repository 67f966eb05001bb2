import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints, type Task, type WorkerRequest } from "@agentvine/contracts";
import { FaultProxy, waitUntil } from "@agentvine/testkit";
import { onTestFinished } from "vitest";
import { always, modelWith } from "../../agents/testing/scripted-turn.ts";
import { patient, scriptedAgent, useFleet } from "./fleet.ts";

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

/** A fleet whose agents ask for leave to run a command, which writes a line outside the workspace each time it runs. */
export const useAskingFleet = () => {
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
          ...scriptedAgent(label, model),
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

  return { setUp, requestsOf, untilAsked, answer, allow, newest, isAt, seen, ran, hold, until, executionsOf };
};
