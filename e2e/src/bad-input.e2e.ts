import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { endpoints, type Task, type TaskCreateInput } from "@agentvine/contracts";
import { startScriptedModel } from "@agentvine/scripted-model";
import {
  type BackendProcess,
  commitFiles,
  createRepository,
  startBackend,
  type TempDir,
  tempDir,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Behaviour, behave, models, writeAgent } from "./support/agents.ts";
import { run } from "./support/agentvine.ts";
import { measured } from "./support/measured.ts";
import { describeProcesses, killProcessesOf } from "./support/processes.ts";
import {
  createTask,
  endingsOf,
  executionsOf,
  isOver,
  publishedBranches,
  untilResting,
} from "./support/tasks.ts";
import { startWorker, type WorkerProcess } from "./support/worker-process.ts";

const mebibyte = 1_048_576;
const patientMs = 150_000;

interface Expected {
  readonly status: Task["status"];
  /** How the result says it came out; undefined when there is no result. */
  readonly outcome?: string;
  readonly reason: RegExp;
}

/** Backend and workers each decide which hosts they let git connect to. */
const inside = { AGENTVINE_ALLOW_PRIVATE_HOSTS: "true" };

describe("bad input", () => {
  let temp: TempDir;
  let backend: BackendProcess;
  let client: Client;
  let shell: WorkerProcess;
  let model: WorkerProcess;
  let stopModel: () => Promise<void>;
  const paths = { sums: "", untested: "", hanging: "" };

  beforeAll(async () => {
    temp = await tempDir("agentvine-system-");
    await chmod(temp.path, 0o777);
    const readme = "# Sums\n\nAdds numbers.\n";
    paths.sums = join(temp.path, "sums");
    await createRepository(paths.sums, { "README.md": readme, "sum.js": "export {};\n" });
    paths.untested = join(temp.path, "untested");
    await createRepository(paths.untested, { "README.md": readme, "sum.js": "export {};\n" });
    paths.hanging = join(temp.path, "hanging");
    await createRepository(paths.hanging, {
      "README.md": readme,
      "package.json": '{"type":"module","scripts":{"test":"node --test"}}\n',
      ".agentvine.yml": "commandTimeoutSeconds: 2\n",
      "test/sum.test.js": "import test from 'node:test';\ntest('adds', () => {});\n",
    });
    backend = await startBackend({
      env: { AGENTVINE_RETRY_BASE_SECONDS: "0.1", ...inside },
    });
    client = createClient({ baseUrl: backend.url, token: backend.token });
    const token = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
    const scripted = await startScriptedModel({ scenarios: models });
    stopModel = () => scripted.close();
    const common = { serverUrl: backend.url, token };
    [shell, model] = await Promise.all([
      startWorker({
        ...common,
        name: "shell",
        dataDir: join(temp.path, "shell"),
        agent: await writeAgent(temp.path),
        env: {
          AGENTVINE_WORKER_LABELS: "shell",
          ...inside,
          AGENTVINE_WORKER_SLOTS: "2",
          AGENTVINE_WORKER_WORKSPACE_BYTES_MAX: String(20 * mebibyte),
          AGENTVINE_WORKER_DISK_FREE_BYTES_MIN: "0",
        },
      }),
      startWorker({
        ...common,
        name: "model",
        dataDir: join(temp.path, "model"),
        env: {
          AGENTVINE_WORKER_LABELS: "model",
          ...inside,
          AGENTVINE_WORKER_STEPS_MAX: "30",
          AGENTVINE_MODEL: "scripted/demo",
          AGENTVINE_MODEL_BASE_URL: scripted.baseUrl,
        },
      }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([shell, model].map((worker) => worker?.stop()));
    await backend?.stop();
    await stopModel?.();
    const left = describeProcesses(temp.path);
    killProcessesOf(temp.path);
    await temp[Symbol.asyncDispose]();
    expect(left, "processes left behind").toEqual([]);
  });

  const queue = (changes: Partial<TaskCreateInput>): Promise<Task> =>
    createTask(client, {
      title: "Write a guide",
      type: "docs",
      repositoryUrl: paths.sums,
      permissionLevel: "autonomous",
      requiredLabels: ["shell"],
      ...changes,
    });
  const shellTask = (behaviour: Behaviour, changes: Partial<TaskCreateInput> = {}): Promise<Task> =>
    queue({ description: behave(behaviour), ...changes });
  const modelTask = (name: string): Promise<Task> =>
    queue({ description: `model: ${name};`, requiredLabels: ["model"] });

  const expectEnd = async (pending: Promise<Task>, { status, outcome, reason }: Expected): Promise<Task> => {
    const task = await untilResting(client, await pending, patientMs);
    const said = `${task.statusReason} ${task.result?.reason ?? ""} ${task.result?.evidence?.reason ?? ""}`;
    const kind = [task.result?.outcome, task.result?.failure].filter(Boolean).join(" ");
    expect({ status: task.status, kind, said }).toEqual({
      status,
      kind: outcome ?? kind,
      said: expect.stringMatching(reason),
    });
    if (isOver(task)) expect(await endingsOf(client, task)).toHaveLength(1);
    return task;
  };
  /** What a worker needs at most, in MiB; null where that can't be read. */
  const peakMemory = ({ pid }: WorkerProcess): number | null => {
    if (process.platform !== "linux") return null;
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return found === null ? null : Number(found[1]) / 1_024;
  };

  describe("a repository that can't be used", () => {
    it("a path without a repository is refused, or told when it is looked at", async () => {
      const unknown = queue({ repositoryUrl: join(temp.path, "nowhere") });
      await expect(unknown).rejects.toMatchObject({ code: expect.stringMatching(/^repository\./) });
    });

    it("an unknown host ends the task with the reason", async () => {
      const task = queue({ repositoryUrl: "https://no-such-host.invalid/owner/sums.git" });
      await expectEnd(task, {
        status: "failed",
        outcome: "failed checkout",
        reason: /host of the repository is not known|connection to the repository broke/i,
      });
    });

    it("a host that takes no connection ends the task after its retries, with the reason", async () => {
      const task = await expectEnd(queue({ repositoryUrl: "http://127.0.0.1:9/owner/sums.git" }), {
        status: "failed",
        outcome: "failed checkout",
        reason: /connection to the repository broke/i,
      });
      expect(task.runs).toBe(4);
    });

    it("a missing branch ends the task with the reason", async () => {
      await expectEnd(shellTask("good", { branchName: "release/9" }), {
        status: "failed",
        outcome: "failed checkout",
        reason: /release\/9/,
      });
    });

    it("a repository without tests makes the result unverified, and a person looks at it", async () => {
      await expectEnd(shellTask("feature", { type: "feature", repositoryUrl: paths.untested }), {
        status: "in_review",
        outcome: "succeeded",
        reason: /test command/i,
      });
    });

    it("a test command that hangs is stopped, and the result refused with the reason", async () => {
      await expectEnd(shellTask("hanging-tests", { type: "feature", repositoryUrl: paths.hanging }), {
        status: "failed",
        outcome: "failed verification",
        reason: /did not end and was stopped after 2 s/,
      });
    });

    it("a broken .agentvine.yml ends the task with the field at fault", async () => {
      const path = join(temp.path, "misconfigured");
      await createRepository(path, { "README.md": "# x\n", ".agentvine.yml": "testCommand: [1]\n" });
      await expectEnd(shellTask("good", { repositoryUrl: path }), {
        status: "failed",
        outcome: "failed setup",
        reason: /\.agentvine\.yml.*testCommand/,
      });
    });

    it("an empty repository ends the task with the reason", async () => {
      const path = join(temp.path, "empty");
      await createRepository(path, {});
      await commitFiles(path, {});
      await expectEnd(shellTask("nothing", { repositoryUrl: path }), {
        status: "failed",
        outcome: "failed verification",
        reason: /nothing was changed|empty/i,
      });
    });
  });

  describe("an agent that misbehaves", () => {
    it("prints 64 MiB without a line break: its log is capped and says so, its work counts", async () => {
      const startedMs = performance.now();
      const task = await expectEnd(shellTask("flood"), { status: "completed", reason: /./ });
      measured("an agent that prints 64 MiB", performance.now() - startedMs);
      const [execution] = await executionsOf(client, task);
      expect(execution?.metrics?.logBytes).toBeLessThanOrEqual(17 * mebibyte);
      expect(execution?.metrics?.logDroppedBytes).toBeGreaterThan(0);
      expect(peakMemory(shell) ?? 0).toBeLessThan(300);
    });

    it("prints 32 MiB of lines: the log stops at its cap with a marker", async () => {
      const task = await expectEnd(shellTask("lines"), { status: "completed", reason: /./ });
      const [execution] = await executionsOf(client, task);
      expect(execution?.metrics?.logDroppedBytes).toBeGreaterThan(10 * mebibyte);
    });

    it("prints binary data: its work counts", async () => {
      await expectEnd(shellTask("binary"), { status: "completed", reason: /./ });
    });

    it("deletes everything: the result is refused, the repository is as it was", async () => {
      await expectEnd(shellTask("vandal"), { status: "failed", reason: /./ });
      expect(readdirSync(paths.sums).toSorted()).toEqual([".git", "README.md", "sum.js"]);
    });

    it("fills the disk: it is stopped at its limit", async () => {
      await expectEnd(shellTask("hog"), {
        status: "failed",
        outcome: "failed agent",
        reason: /workspace has grown to \d+ MiB; 20 MiB are allowed/,
      });
    });

    it("fills the disk and ends at once: its result is refused for its size", async () => {
      await expectEnd(shellTask("quick-hog"), { status: "failed", outcome: "failed agent", reason: /MiB/ });
    });

    it("leaves a huge file with holes: its result is refused for its size", async () => {
      await expectEnd(shellTask("sparse-hog"), {
        status: "failed",
        outcome: "failed agent",
        reason: /"big\.bin" is larger than 256 MiB/,
      });
    });

    it("changes nothing: never a success", async () => {
      await expectEnd(shellTask("nothing"), {
        status: "failed",
        outcome: "failed verification",
        reason: /nothing was changed|no file/i,
      });
    });

    it("fails: its last words are the reason", async () => {
      await expectEnd(shellTask("fails"), {
        status: "failed",
        outcome: "failed agent",
        reason: /exit code 3: no idea what to do/,
      });
    });

    it("crashes: told as that", async () => {
      await expectEnd(shellTask("crashes"), {
        status: "failed",
        outcome: "failed agent",
        reason: /killed by a signal/,
      });
    });
  });

  describe("a model that", () => {
    it.each([
      ["loops", "failed agent", /goes in circles/],
      ["babbles", "failed verification", /nothing was changed|no file/i],
      ["stammers", "failed agent", /no valid tool call/],
      ["invents", "failed agent", /no valid tool call/],
    ])("%s ends the task with the reason", async (name, outcome, reason) => {
      await expectEnd(modelTask(name), { status: "failed", outcome, reason });
    });
  });

  describe("a request that is no good", () => {
    const post = async (body: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${backend.url}/api/v1/tasks`, {
        method: "POST",
        headers: { authorization: `Bearer ${backend.token}`, "content-type": "application/json", ...headers },
        body,
      });
      const { error } = (await response.json()) as { error: { code: string; requestId: string } };
      return { status: response.status, code: error.code };
    };
    const valid = () => ({ title: "x", type: "docs", repositoryUrl: paths.sums, requiredLabels: ["shell"] });

    it("no JSON, half a JSON, the wrong kind, no body", async () => {
      expect(await post("{")).toEqual({ status: 400, code: "request.malformed" });
      expect(await post("not json")).toEqual({ status: 400, code: "request.malformed" });
      expect(await post("")).toMatchObject({ status: 400 });
      expect(await post("null")).toEqual({ status: 400, code: "request.invalid" });
      expect(await post("[]")).toEqual({ status: 400, code: "request.invalid" });
      expect(await post(JSON.stringify(valid()), { "content-type": "text/plain" })).toMatchObject({
        code: "request.unsupported_media_type",
      });
    });

    it("a body of 10 MB, and one of a million levels", async () => {
      const large = JSON.stringify({ ...valid(), description: "x".repeat(10_000_000) });
      expect(await post(large)).toEqual({ status: 413, code: "request.too_large" });
      const deep = `{"title":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
      expect(await post(deep)).toMatchObject({ status: 400 });
    });

    it.each([
      ["branchName", "--upload-pack=touch pwned"],
      ["branchName", "--upload-pack=touch$IFS'pwned'"],
      ["branchName", "main..other"],
      ["branchName", "main\u0000"],
      ["repositoryUrl", "--upload-pack=touch$IFS'pwned'"],
      ["repositoryUrl", "ext::sh%20-c%20touch%20pwned"],
      ["repositoryUrl", "/tmp/x\ny"],
      ["repositoryUrl", "https://user:password@example.com/x.git"],
      ["requiredLabels", ["shell; touch pwned"]],
      ["title", "two\nlines"],
      ["title", "nul\u0000"],
      ["type", "docs'; drop table tasks; --"],
      ["priority", "$(touch pwned)"],
      ["dependsOn", ["' or true --"]],
      ["timeoutSeconds", "60; select pg_sleep(60)"],
    ])("%s %j is refused by name", async (field, value) => {
      const body = { ...valid(), [field]: value };
      const { status, code } = await post(JSON.stringify(body));
      expect({ status, code }).toEqual({
        status: 400,
        code: expect.stringMatching(/^(request\.invalid|repository\.url_invalid)$/),
      });
    });

    it("the command line tells it in one line as well", async () => {
      const flags = [
        "--repo",
        paths.sums,
        "--type",
        "docs",
        "--title",
        "x",
        "--branch=--upload-pack=touch pwned",
      ];
      const { code, stderr } = await run(["task", "create", "--server", backend.url, ...flags], {
        temp: temp.path,
        env: { AGENTVINE_HOME: backend.home },
      });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^agentvine: .*\(request\.invalid\)\n {2}branchName: /m);
    });
  });

  it("SQL and shell metacharacters in every field are text, from the request to the commit", async () => {
    const nasty = `'; drop table tasks; -- "$(touch pwned)" \`touch pwned\` && touch pwned | %s \\ {promptFile} ../..`;
    const task = await expectEnd(
      shellTask("good", {
        title: nasty,
        description: `${nasty}\n${behave("good")}\n\u202e<script>alert(1)</script>\u001b[2J`,
        context: { [nasty]: nasty },
        metadata: { [nasty]: [nasty] },
      }),
      { status: "completed", reason: /./ },
    );
    expect(task.title).toBe(nasty);
    expect(task.metadata).toEqual({ [nasty]: [nasty] });
    const found = await client.call(endpoints.tasks.list, { query: { search: "'; drop table" } });
    expect(found.items.map(({ id }) => id)).toEqual([task.id]);
    const branch = "a;touch$IFS'pwned'";
    await expectEnd(shellTask("good", { branchName: branch }), {
      status: "failed",
      outcome: "failed checkout",
      reason: /touch\$IFS/,
    });
    for (const directory of [paths.sums, temp.path, process.cwd(), shell.dataDir]) {
      expect(existsSync(join(directory, "pwned")), directory).toBe(false);
    }
  });

  it("afterwards backend and workers are the same processes as before, and good tasks complete", async () => {
    const before = (await publishedBranches(paths.sums)).length;
    await expectEnd(shellTask("good"), { status: "completed", outcome: "succeeded", reason: /./ });
    await expectEnd(modelTask("good"), { status: "completed", outcome: "succeeded", reason: /./ });
    expect((await publishedBranches(paths.sums)).length).toBe(before + 2);
    const tasks = await client.call(endpoints.tasks.list, { query: { pageSize: 100 } });
    for (const task of tasks.items.filter(isOver)) expect(await endingsOf(client, task)).toHaveLength(1);
    const { items } = await client.call(endpoints.workers.list);
    expect(items.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual([
      "model idle",
      "shell idle",
    ]);
    for (const { pid } of [shell, model, backend]) process.kill(pid, 0);
    const { lanes, deadLetters } = await client.call(endpoints.queue.status);
    expect(lanes.map(({ pending, claimed, delayed }) => pending + claimed + delayed)).toEqual([0, 0, 0]);
    // The one whose host took no connection, after its retries.
    expect(deadLetters).toBe(1);
  });
});
