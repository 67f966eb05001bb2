import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Task } from "@agentvine/contracts";
import { createRepository, startBackend, tempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HandWorker, handWorker } from "../testing/hand-worker.ts";
import { runCommand } from "../testing/run-command.ts";

let folder: Awaited<ReturnType<typeof tempDir>>;
let backend: Awaited<ReturnType<typeof startBackend>>;
let worker: HandWorker;
let repository: string;

beforeAll(async () => {
  folder = await tempDir();
  backend = await startBackend();
  worker = await handWorker(backend.url, backend.token);
  repository = (
    await createRepository(join(folder.path, "shop"), { "total.js": "export const total = 1;\n" })
  ).path;
});

afterAll(async () => {
  await backend?.stop();
  await folder[Symbol.asyncDispose]();
});

const run = (args: readonly string[], options: Parameters<typeof runCommand>[2] = {}) =>
  runCommand({ serverUrl: backend.url, token: backend.token }, args, options);

const create = async (...more: string[]): Promise<Task> => {
  const { stdout, stderr } = await run([
    "task",
    "create",
    "--repo",
    repository,
    "--type",
    "bugfix",
    "--title",
    "Total is wrong",
    "--json",
    ...more,
  ]);
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Task;
};

const patch = `diff --git a/total.js b/total.js
--- a/total.js
+++ b/total.js
@@ -1 +1 @@
-export const total = 1;
+export const total = 2;
`;

describe("task create", () => {
  it("queues a task with everything that was said, the description from standard input", async () => {
    const args = [
      "task",
      "create",
      "--repo",
      repository,
      "--type",
      "bugfix",
      "--title",
      "Totals",
      "--description",
      "-",
      "--json",
    ];
    const more = [
      "--priority",
      "high",
      "--permission",
      "autonomous",
      "--timeout",
      "60",
      "--context",
      '{"files":["a.js"]}',
      "--hold",
    ];
    const { code, stdout } = await run([...args, ...more], { stdin: "They are\nwrong." });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      title: "Totals",
      description: "They are\nwrong.",
      priority: "high",
      permissionLevel: "autonomous",
      timeoutSeconds: 60,
      context: { files: ["a.js"] },
      status: "pending",
    });
  });

  it("says id, status and how to follow it", async () => {
    const { stdout, stderr } = await run([
      "task",
      "create",
      "--repo",
      repository,
      "--type",
      "docs",
      "--title",
      "Readme",
      "--hold",
    ]);
    expect(stdout).toMatch(/^[0-9a-f-]{36} {2}pending\n$/);
    expect(stderr).toContain("follow it: agentvine task watch");
  });

  it.each([
    [["--type", "nonsense"], 2, "type"],
    [["--type", "bugfix", "--timeout", "soon"], 2, "--timeout"],
    [["--type", "bugfix", "--context", "[1]"], 2, "--context"],
    [["--type", "bugfix", "--after", "zz"], 2, "task id"],
    [["--type", "bugfix", "--permission", "nobody"], 2, "human_required"],
  ])("refuses %j, naming what is wrong", async (more, code, words) => {
    const result = await run(["task", "create", "--repo", repository, "--title", "x", ...more]);
    expect(result.code).toBe(code);
    expect(result.stderr.toLowerCase()).toContain(words);
  });

  it("refuses a repository that is none, with the reason", async () => {
    const result = await run(["task", "create", "--repo", folder.path, "--type", "bugfix", "--title", "x"]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("repository");
  });
});

describe("a task's life on the command line", () => {
  it("waits where it is held, and is queued once, by whoever says so", async () => {
    const task = await create("--hold");
    expect(task.status).toBe("pending");
    const queued = await run(["task", "queue", task.id.slice(-8)]);
    expect([queued.code, queued.stdout]).toEqual([0, expect.stringContaining("queued")]);
    const cancelled = await run(["task", "cancel", task.id]);
    expect(cancelled.code).toBe(0);
    const late = await run(["task", "queue", task.id]);
    expect(late.code).not.toBe(0);
    expect(late.stderr).toContain("task.illegal_transition");
  });

  it("is created, watched to its review, looked at, applied, approved and shown", async () => {
    const task = await create("--priority", "critical");
    const watching = run(["task", "watch", task.id]);
    const claim = await worker.claim();
    expect(claim.task.id).toBe(task.id);
    await worker.log(claim, "looking at total.js");
    await worker.succeed(claim, patch);
    const watched = await watching;
    expect(watched.code).toBe(0);
    expect(watched.stdout).toMatch(/bugfix +claimed/);
    expect(watched.stdout).toMatch(/in_review/);
    expect(watched.stderr).toContain("agentvine task review");

    const diff = await run(["task", "diff", task.id.slice(-8)]);
    expect(diff.stdout).toBe(patch);
    const drawn = await run(["task", "diff", task.id], { isInteractive: true });
    expect(drawn.stdout).toContain("+export const total = 2;");

    const logs = await run(["task", "logs", task.id]);
    expect(logs.stdout).toContain("looking at total.js");

    const approved = await run(["task", "review", task.id, "--approve", "--comment", "nice"]);
    expect(approved.code).toBe(0);
    await worker.publish(await worker.claim());
    const shown = await run(["task", "show", task.id]);
    expect(shown.stdout).toMatch(/status +completed/);
    expect(shown.stdout).toMatch(new RegExp(`branch +agentvine/${task.id}/a1`));
    expect(shown.stdout).toContain("no sandbox");
    const json = JSON.parse((await run(["task", "show", task.id, "--json"])).stdout);
    expect(json.executions).toHaveLength(2);
    const again = await run(["task", "watch", task.id, "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ id: task.id, status: "completed" });
  });

  it("puts the change into a working tree without committing, or changes nothing at all", async () => {
    const task = await create("--priority", "critical");
    await worker.succeed(await worker.claim(), patch);
    const checkout = (
      await createRepository(join(folder.path, "checkout"), { "total.js": "export const total = 1;\n" })
    ).path;
    const before = process.cwd();
    process.chdir(checkout);
    try {
      expect((await run(["task", "apply", task.id])).stdout).toContain("not committed");
      await expect(readFile(join(checkout, "total.js"), "utf8")).resolves.toBe("export const total = 2;\n");
      const refused = await run(["task", "apply", task.id, "--json"]);
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain("git apply failed");
      await writeFile(join(checkout, "total.js"), "export const total = 1;\n");
      expect(JSON.parse((await run(["task", "apply", task.id, "--json"])).stdout)).toMatchObject({
        applied: true,
      });
    } finally {
      process.chdir(before);
    }
    await run(["task", "cancel", task.id]);
  });

  it("ends a watch with exit code 1 when the task fails, and can be retried", async () => {
    const task = await create("--priority", "critical");
    const watching = run(["task", "watch", task.id]);
    await worker.fail(await worker.claim(), "the agent gave up");
    const watched = await watching;
    expect(watched.code).toBe(1);
    expect(watched.stdout).toContain("the agent gave up");
    expect((await run(["task", "retry", task.id])).stdout).toContain("queued");
    expect((await run(["task", "cancel", task.id, "--reason", "enough"])).stdout).toContain("cancelled");
    expect((await run(["task", "cancel", task.id])).code).toBe(5);
  });

  it("goes back to the agent with a comment when it is rejected", async () => {
    const task = await create("--priority", "critical");
    await worker.succeed(await worker.claim(), patch);
    expect((await run(["task", "review", task.id])).code).toBe(2);
    expect((await run(["task", "review", task.id, "--comment-at", "nowhere"])).code).toBe(2);
    const elsewhere = ["task", "review", task.id, "--comment-at", "nowhere.txt:3=why?"];
    expect((await run(elsewhere)).stderr).toContain("does not change");
    expect((await run(["task", "review", task.id, "--reject", "use cents"])).stdout).toContain("queued");
    const claim = await worker.claim();
    expect(claim.workOrder.payload).toMatchObject({ followUp: "use cents" });
    await worker.fail(claim, "done with it");
  });

  it("stops watching at Ctrl-C with exit code 130 and leaves the task alone", async () => {
    const task = await create("--priority", "critical");
    const controller = new AbortController();
    const watching = run(["task", "watch", task.id], { signal: controller.signal });
    const claim = await worker.claim();
    controller.abort();
    expect((await watching).code).toBe(130);
    await worker.fail(claim, "no matter");
  });
});

describe("task list and others", () => {
  it("filters, pages and prints JSON", async () => {
    await create("--hold");
    const list = JSON.parse(
      (await run(["task", "list", "--status", "pending", "--page-size", "1", "--json"])).stdout,
    );
    expect(list).toMatchObject({ pageSize: 1, page: 1 });
    expect(list.items[0].status).toBe("pending");
    const table = await run(["task", "list", "--page-size", "1"]);
    expect(table.stdout).toContain("Total is wrong");
    expect(table.stderr).toMatch(/page 1 of \d+/);
    const none = await run(["task", "list", "--search", "nothing of the kind"]);
    expect(none.stdout).toBe("no tasks\n");
  });

  it("says what can't be done with a task that has not begun", async () => {
    const task = await create("--hold");
    expect(await run(["task", "diff", task.id])).toMatchObject({ code: 4 });
    expect(await run(["task", "logs", task.id])).toMatchObject({ code: 4 });
    expect(await run(["task", "show", "00000000"])).toMatchObject({ code: 4 });
  });

  it("shows the fleet", async () => {
    const { stdout } = await run(["worker", "status"]);
    expect(stdout).toMatch(/by-hand +\S+ +0\/4/);
    expect(stdout).toContain("none (!)");
    expect(JSON.parse((await run(["worker", "status", "--json"])).stdout).total).toBe(1);
  });

  it("refuses an unknown token", async () => {
    const result = await runCommand({ serverUrl: backend.url, token: "wrong" }, ["task", "list"]);
    expect(result).toMatchObject({ code: 6 });
    expect(result.stderr).toContain("(auth.invalid)");
  });

  it("asks for a token when it has none", async () => {
    expect(await runCommand({ serverUrl: backend.url }, ["task", "list"])).toMatchObject({ code: 6 });
  });

  it("finds the token of the data directory", async () => {
    expect(await runCommand({ serverUrl: backend.url, home: backend.home }, ["task", "list"])).toMatchObject({
      code: 0,
    });
  });

  it("refuses a server address that is none", async () => {
    expect(await run(["task", "list", "--server", "ftp://x"])).toMatchObject({ code: 2 });
  });
});

describe("the command line itself", () => {
  it("prints its version and its help", async () => {
    expect(await run(["--version"])).toMatchObject({ code: 0, stdout: "9.9.9\n" });
    expect((await run(["--help"])).stdout).toContain("task");
    expect((await run(["task", "create", "--help"])).stdout).toContain("--repo <url or path>");
  });

  it.each([
    [["fly"]],
    [["task", "create"]],
    [["up", "--port", "many"]],
    [["worker", "stop", "--timeout", "never"]],
  ])("refuses %j as a usage error", async (args) => {
    const result = await run(args);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/^agentvine: .*\(command\.usage\)/);
  });
});
