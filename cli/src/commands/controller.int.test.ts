import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { type Claim, endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { type Scenario, type ScriptedModel, startScriptedModel } from "@agentvine/scripted-model";
import { type BackendProcess, createRepository, startBackend, tempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const rules = "rules:\n  - id: questions\n    effect: automated\n    kinds: [clarification, question]\n";
const knowsThePort: Scenario = {
  name: "port",
  matches: (prompt) => prompt.includes("Which port"),
  respond: () => ({
    calls: [
      {
        name: "answer",
        input: { answer: "8080", confidence: 1, citations: [{ source: "S1", quote: "port 8080" }] },
      },
    ],
  }),
};

let folder: Awaited<ReturnType<typeof tempDir>>;
let backend: BackendProcess;
let model: ScriptedModel;
beforeAll(async () => {
  folder = await tempDir("agentvine-controller-command-");
  const policy = join(folder.path, "policy.yaml");
  await writeFile(policy, rules);
  [backend, model] = await Promise.all([
    startBackend({ env: { AGENTVINE_POLICY: policy, AGENTVINE_ALLOW_UNRUNNABLE: "true" } }),
    startScriptedModel({ scenarios: [knowsThePort] }),
  ]);
});
afterAll(async () => {
  await backend?.stop();
  await model?.close();
  await folder?.[Symbol.asyncDispose]();
});

const client = () => createClient({ baseUrl: backend.url, token: backend.token });
const health = async () =>
  (await client().call(endpoints.system.health)).components.controllers?.detail ?? "";
const startArgs = (...more: string[]) => ["controller", "start", "--server", backend.url, ...more];

/** Runs the command; the controller's key lies in the home of the backend, as on one machine. */
function start(args: readonly string[], change: Record<string, string> = {}) {
  const stopping = new AbortController();
  const notes: string[] = [];
  const environment = {
    ...{ PATH: process.env.PATH ?? "", AGENTVINE_MODEL: "scripted/demo" },
    ...{ AGENTVINE_MODEL_BASE_URL: model.baseUrl, ...change },
  };
  const options = { signal: stopping.signal, onNote: (text: string) => notes.push(text) };
  const run = runCommand({ home: backend.home, environment }, args, options);
  onTestFinished(async () => {
    stopping.abort();
    await run;
  });
  const pid = () =>
    waitUntil(
      () => {
        const found = /is ready \(pid (\d+)\)/.exec(notes.join("\n"))?.[1];
        return found === undefined ? undefined : Number(found);
      },
      { timeoutMs: 20_000 },
    );
  return { run, pid, interrupt: () => stopping.abort() };
}

/** An agent at work. */
async function running(): Promise<Claim> {
  const key = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
  const worker = createClient({ baseUrl: backend.url, token: key });
  const instanceId = newId();
  const repository = await createRepository(join(folder.path, newId()), { "a.txt": "a\n" });
  const registered = await worker.call(endpoints.workers.register, {
    body: {
      ...{ name: newId(), instanceId, version: "1.0.0", maxConcurrentTasks: 1 },
      capabilities: {
        ...{ taskTypes: ["docs"], labels: [], toolchains: {} },
        agents: [{ driver: "builtin", model: "scripted/demo", isScripted: true }],
        sandbox: { driver: "none", isConfined: false },
      },
    },
  });
  await client().call(endpoints.tasks.create, {
    body: { title: "Write it", type: "docs", repositoryUrl: repository.path },
  });
  const claim = await worker.call(endpoints.queue.claim, {
    body: { workerId: registered.worker.id, instanceId, taskTypes: ["docs"], slots: 1, waitSeconds: 10 },
  });
  if (claim === undefined) throw new Error("no task was claimed");
  return claim;
}

test("a controller that is started answers what a rule gives to a model, and SIGTERM ends it well", async () => {
  await client().call(endpoints.context.create, {
    body: { title: "Ports", type: "guide", content: "The server listens on port 8080." },
  });
  const controller = start(startArgs("--name", "foreground", "--concurrency", "2"));
  const pid = await controller.pid();
  await waitUntil(async () => (await health()).startsWith("1 online"));
  const claim = await running();
  const { id: requestId } = await client().call(endpoints.workerRequests.raise, {
    token: claim.attemptToken,
    body: {
      ...{ workOrderId: claim.workOrder.id, attempt: claim.attempt, callId: newId() },
      ...{ kind: "clarification", question: "Which port does the server listen on?" },
    },
  });
  const answered = await waitUntil(
    async () => {
      const request = await client().call(endpoints.workerRequests.get, { params: { requestId } });
      return request.settledAt === null ? undefined : request;
    },
    { timeoutMs: 15_000 },
  );
  expect(answered).toMatchObject({
    status: "answered",
    answer: { source: "controller", text: "8080", citations: [{ kind: "document" }] },
  });
  process.kill(pid, "SIGTERM");
  expect((await controller.run).code).toBe(0);
  expect(await health()).not.toContain("1 online");
}, 90_000);

test("Ctrl-C ends it as well, and it is gone at once", async () => {
  const controller = start(startArgs("--name", "interrupted"));
  await controller.pid();
  await waitUntil(async () => (await health()).startsWith("1 online"));
  controller.interrupt();
  expect((await controller.run).code).toBe(0);
  expect(await health()).not.toContain("1 online");
}, 60_000);

test.each([
  ["AGENTVINE_CONTROLLER_CONCURRENCY", ["--concurrency", "0"], {}],
  ["AGENTVINE_SERVER", ["--server", "ftp://nowhere"], {}],
  ["AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX", [], { AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX: "soon" }],
  ["provider/name", ["--model", "nonsense"], {}],
  ["ANTHROPIC_API_KEY", ["--model", "anthropic/claude"], {}],
] as const)(
  "a setting that is wrong is named: %s",
  async (name, flags, change) => {
    const { code, stderr } = await start(startArgs(...flags), change).run;
    expect(code).toBe(2);
    expect(stderr).toContain(name);
    expect(stderr).toMatch(/\((?:config\.invalid|model\.not_configured)\)/);
  },
  30_000,
);

test("a key that is refused ends it with that reason", async () => {
  const { code, stderr } = await start(startArgs(), { AGENTVINE_TOKEN: "wrong" }).run;
  expect(code).toBe(6);
  expect(stderr).toContain("(auth.invalid)");
}, 30_000);
