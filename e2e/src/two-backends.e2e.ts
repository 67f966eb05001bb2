import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import type { Task, TaskCreateInput } from "@agentvine/contracts";
import { endpoints } from "@agentvine/contracts";
import {
  type BackendProcess,
  createDatabase,
  createRepository,
  FaultProxy,
  findRedisServer,
  startBackend,
  startRedis,
  waitUntil,
} from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  createTask,
  endingsOf,
  executionsOf,
  publishedBranches,
  readTask,
  untilStatus,
} from "./support/tasks.ts";
import { useSharedTemp } from "./support/temp-home.ts";
import { startWorker, type WorkerProcess } from "./support/worker-process.ts";

const redisServer = findRedisServer("two backends, one fleet and a Redis that is killed with one of them");

/** A program that writes a page of its own; told to hold, it waits for the gate first; told to sleep, it does nothing else. */
const agentProgram = `
if grep -q 'behave: sleep' "$AGENTVINE_PROMPT_FILE"; then sleep 600; fi
if grep -q 'behave: hold' "$AGENTVINE_PROMPT_FILE"; then while [ ! -e "$1" ]; do sleep 0.05; done; fi
printf '# Page\\n\\nCall sum; see the README.\\n' > "page-$(date +%s%N)-$$.md"
`;

const env = {
  AGENTVINE_LEASE_SECONDS: "30",
  AGENTVINE_HEARTBEAT_SECONDS: "1",
  AGENTVINE_RETRY_BASE_SECONDS: "0.1",
};

interface Site {
  readonly backend: BackendProcess;
  readonly client: Client;
}

describe.each([
  { name: "with Redis", isSkipped: redisServer === undefined, usesRedis: true },
  { name: "without Redis", isSkipped: false, usesRedis: false },
])("two backends on one database, $name", ({ isSkipped, usesRedis }) => {
  const temp = useSharedTemp();

  it.skipIf(isSkipped)(
    "share a fleet: a cancel crosses, and killing one in the middle of the work loses nothing and repeats nothing",
    async () => {
      const redis = usesRedis ? await startRedis(redisServer ?? "") : undefined;
      onTestFinished(() => redis?.stop());
      const database = await createDatabase();
      onTestFinished(() => database.drop());
      const start = async (port = 0): Promise<Site> => {
        const backend = await startBackend({
          databaseUrl: database.url,
          home: join(temp(), "home"),
          port,
          env: { ...env, ...(redis === undefined ? {} : { REDIS_URL: redis.url }) },
        });
        onTestFinished(() => backend.stop());
        return { backend, client: createClient({ baseUrl: backend.url, token: backend.token }) };
      };
      // At once, as an operator's machine manager would; they agree on token, key and schema.
      const [a, b] = await Promise.all([start(), start()]);
      expect(a.backend.token).toBe(b.backend.token);
      const balancer = await FaultProxy.start(a.backend.url);
      onTestFinished(() => balancer.stop());

      const { path: repository } = await createRepository(join(temp(), "sums"), {
        "README.md": "# Sums\n\nAdds numbers.\n",
      });
      const gate = join(temp(), "gate");
      const agent = join(temp(), "agent.sh");
      await writeFile(agent, agentProgram);
      const token = (await readFile(join(temp(), "home/worker.key"), "utf8")).trim();
      const aWorker = async (name: string, serverUrl: string): Promise<WorkerProcess> => {
        const worker = await startWorker({
          ...{ serverUrl, token, name, agent: ["sh", agent, gate] },
          dataDir: join(temp(), name),
          env: { AGENTVINE_WORKER_SLOTS: "2" },
        });
        onTestFinished(() => worker.stop());
        return worker;
      };
      const create = ({ client }: Site, behaviour: string, more: Partial<TaskCreateInput> = {}) =>
        createTask(client, {
          ...{ title: `Write a page (${behaviour})`, type: "docs", repositoryUrl: repository },
          ...{ description: `behave: ${behaviour};`, permissionLevel: "autonomous", ...more },
        });

      const atB = await aWorker("at-b", b.backend.url);
      const unwanted = await create(b, "sleep");
      await untilStatus(a.client, unwanted, "in_progress");
      await a.client.call(endpoints.tasks.cancel, { params: { taskId: unwanted.id }, body: {} });
      await untilStatus(b.client, unwanted, "cancelled");
      await waitUntil(async () => (await executionsOf(a.client, unwanted))[0]?.status === "cancelled", {
        timeoutMs: 30_000,
        message: "the worker at the other backend to have stopped",
      });
      expect((await executionsOf(a.client, unwanted))[0]?.workerId).toBe(atB.workerId);

      await aWorker("at-a", balancer.url);
      const held = await Promise.all([a, b, a, b].map((site) => create(site, "hold")));
      const after = (site: Site, task: Task | undefined) =>
        create(site, "write", { dependsOn: [task?.id ?? expect.fail("no task")] });
      const tasks = [...held, await after(b, held[0]), await after(a, held[1])];
      for (const task of held) await untilStatus(b.client, task, "in_progress");

      await Promise.all([a.backend.kill(), redis?.kill()]);
      balancer.switchTo(b.backend.url);
      await writeFile(gate, "");
      for (const task of tasks) await untilStatus(b.client, task, "completed");

      await redis?.start();
      const again = await start(Number(new URL(a.backend.url).port));
      balancer.switchTo(again.backend.url);
      tasks.push(await create(again, "write"));
      for (const task of tasks) await untilStatus(again.client, task, "completed");

      const done = await Promise.all(tasks.map((task) => readTask(again.client, task)));
      expect(
        done.map(({ runs }) => runs),
        "what was under way when its backend died was handed in at the other",
      ).toEqual(done.map(() => 1));
      for (const task of done) expect(await endingsOf(again.client, task)).toEqual(["task.completed"]);
      expect((await publishedBranches(repository)).sort()).toEqual(
        done.map(({ result }) => result?.branch).sort(),
      );
      expect(await endingsOf(again.client, unwanted)).toEqual(["task.cancelled"]);
    },
  );
});
