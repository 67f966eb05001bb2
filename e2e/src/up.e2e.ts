import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { endpoints } from "@agentvine/contracts";
import { startScriptedModel } from "@agentvine/scripted-model";
import { createRepository, git, processIsAlive, waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { run } from "./support/agentvine.ts";
import { createHeldTask } from "./support/held-task.ts";
import { measured } from "./support/measured.ts";
import { canMount, describeProcesses, findProcess, isRoot } from "./support/processes.ts";
import { createSample } from "./support/samples.ts";
import {
  createTask,
  endingsOf,
  eventsOf,
  executionsOf,
  publishedBranches,
  readTask,
  untilStatus,
} from "./support/tasks.ts";
import { useSharedTemp } from "./support/temp-home.ts";
import { makeHome, type RunningUp, startUp, unconfined } from "./support/up.ts";

const execFileAsync = promisify(execFile);
const nobody = 65_534;
/** Leases run out soon, so that what a killed worker held is given to another one within seconds. */
const shortLease = { AGENTVINE_LEASE_SECONDS: "4", AGENTVINE_HEARTBEAT_SECONDS: "1" };

const scriptedBy = (model: { baseUrl: string }): Record<string, string> => ({
  AGENTVINE_MODEL: "scripted/demo",
  AGENTVINE_MODEL_BASE_URL: model.baseUrl,
});

describe("agentvine up", () => {
  const temp = useSharedTemp();

  it("takes a task from the command line to a published branch, and keeps everything over a restart", async () => {
    const model = await startScriptedModel();
    onTestFinished(() => model.close());
    const home = await makeHome(temp());
    const sample = await createSample("log-tally", temp());
    const env = { AGENTVINE_HOME: home };
    const first = await startUp({ temp: temp(), home, env: scriptedBy(model) });
    const flags = ["--type", sample.type, "--title", sample.title, "--permission", "autonomous"];
    const watched = await run(["task", "create", "--repo", sample.path, ...flags, "--watch"], {
      temp: temp(),
      env,
    });
    expect(watched).toMatchObject({ code: 0 });
    expect(watched.stdout).toMatch(/claimed +attempt 1 by local-1/);
    expect(watched.stdout).toMatch(/completed/);
    const [branch = ""] = await publishedBranches(sample.path);
    expect(await git(sample.path, "show", `${branch}:README.md`)).toContain("log-tally");
    expect(await first.stop()).toBe(0);
    expect(describeProcesses(temp())).toEqual([]);

    const second = await startUp({ temp: temp(), home, env: scriptedBy(model) });
    const listed = await run(["task", "list", "--json"], { temp: temp(), env });
    const { items } = JSON.parse(listed.stdout);
    expect(items).toMatchObject([{ title: sample.title, status: "completed", result: { branch } }]);
    expect(await second.stop()).toBe(0);
  });

  it("claims what waits for it soon after a warm start", async () => {
    const home = await makeHome(temp());
    const { path } = await createRepository(join(temp(), "sums"), { "README.md": "# Sums\n\nAdds.\n" });
    const agent = { AGENTVINE_WORKER_AGENT_COMMAND: "true" };
    const first = await startUp({
      temp: temp(),
      home,
      args: ["--workers", "0"],
      env: { AGENTVINE_ALLOW_UNRUNNABLE: "true" },
    });
    const task = await createTask(first.client, { title: "Anything", type: "docs", repositoryUrl: path });
    expect((await readTask(first.client, task)).status).toBe("queued");
    await first.stop();

    const second = await startUp({ temp: temp(), home, env: agent });
    const claimed = await waitUntil(
      async () => (await eventsOf(second.client, task)).find(({ type }) => type === "task.claimed"),
      { timeoutMs: 30_000 },
    );
    measured("warm `up` to its first claim", Date.parse(claimed.occurredAt) - second.startedAtMs, 3_000);
    measured("warm `up` to ready", second.readyMs);
    await untilStatus(second.client, task, "failed");
    await second.stop();
  });

  const pidOf = {
    worker: (home: string) => findProcess(home, "workers/dist/main.js")?.pid,
    backend: (home: string) => findProcess(home, "backend/dist/main.js")?.pid,
    // By its file: for a moment each of its children carries the server's own command line.
    postgres: (home: string) =>
      Number(readFileSync(join(home, "postgres/postmaster.pid"), "utf8").split("\n")[0]),
  };

  it("comes back and finishes the task once when its worker, backend and database are killed", async () => {
    const home = await makeHome(temp());
    const held = await createHeldTask(temp());
    const up = await startUp({ temp: temp(), home, env: { ...scriptedBy(held.model), ...shortLease } });
    const task = await createTask(up.client, {
      title: held.title,
      type: "docs",
      repositoryUrl: held.repository,
      permissionLevel: "autonomous",
    });
    await waitUntil(held.isHeld, { timeoutMs: 60_000 });
    for (const [name, find] of Object.entries(pidOf)) {
      const pid = await waitUntil(() => find(home));
      process.kill(pid, "SIGKILL");
      const killedAtMs = Date.now();
      await waitUntil(() => !processIsAlive(pid) && find(home) !== pid && find(home), {
        timeoutMs: 60_000,
        message: `another ${name}`,
      });
      await waitUntil(() => isWorking(up, task.id), { timeoutMs: 60_000, message: `work after ${name}` });
      measured(`${name} killed with -9 to work again`, Date.now() - killedAtMs);
    }
    await held.open();
    const done = await untilStatus(up.client, task, "completed");
    expect(await endingsOf(up.client, task)).toEqual(["task.completed"]);
    expect(await publishedBranches(held.repository)).toEqual([done.result?.branch]);
    expect(held.beginnings(), "the work began once and was taken up from its checkpoints").toBe(1);
    expect(await up.stop()).toBe(0);
  });

  /** The backend answers, its database too, and an agent of the task waits at the gate. */
  const isWorking = async (up: RunningUp, taskId: string): Promise<boolean> => {
    const [latest] = (await executionsOf(up.client, { id: taskId })).toReversed();
    return (
      latest?.status === "running" &&
      findProcess(temp(), "sh ./hold.sh")?.environment.includes(`AGENTVINE_EXECUTION_ID=${latest.id}`) ===
        true
    );
  };

  it("stops by itself when it is killed in the middle of a task, and the next one finishes it", async () => {
    const home = await makeHome(temp());
    const held = await createHeldTask(temp());
    const env = { ...scriptedBy(held.model), ...shortLease };
    const first = await startUp({ temp: temp(), home, env });
    const task = await createTask(first.client, {
      title: held.title,
      type: "docs",
      repositoryUrl: held.repository,
      permissionLevel: "autonomous",
    });
    await waitUntil(held.isHeld, { timeoutMs: 60_000 });
    first.signal("SIGKILL");
    const killedAtMs = Date.now();
    await waitUntil(() => describeProcesses(temp()).length === 0, {
      timeoutMs: 30_000,
      message: "everything below a killed up to end",
    });
    measured("`up` killed with -9 to everything gone", Date.now() - killedAtMs);

    const second = await startUp({ temp: temp(), home, env });
    await held.open();
    const done = await untilStatus(second.client, task, "completed");
    expect(done.runs).toBe(2);
    expect(await endingsOf(second.client, task)).toEqual(["task.completed"]);
    expect(await publishedBranches(held.repository)).toEqual([done.result?.branch]);
    expect(held.beginnings()).toBe(1);
    const executions = await executionsOf(second.client, task);
    expect(executions.filter(({ resumedFromAttempt }) => resumedFromAttempt === 1)).toHaveLength(1);
    await second.stop();
  });

  describe("says in one line what is wrong and leaves nothing running", () => {
    const expectRefusal = async (
      code: string,
      options: { home: string; args?: string[]; uid?: number; env?: Record<string, string> },
    ): Promise<void> => {
      const ours = (): string[] =>
        describeProcesses(temp()).filter((line) => /main\.js|agentvine\.js/.test(line));
      const before = ours();
      const refused = await run(["up", "--port", "0", "--json", ...unconfined, ...(options.args ?? [])], {
        temp: temp(),
        env: { AGENTVINE_HOME: options.home, ...options.env },
        cwd: "/",
        ...(options.uid === undefined ? {} : { uid: options.uid }),
      });
      const lines = refused.stderr.split("\n").filter((line) => line.startsWith("agentvine: "));
      expect(lines, refused.stderr).toHaveLength(1);
      expect(lines[0]).toContain(`(${code})`);
      expect(refused.stderr).not.toMatch(/^\s+at /m);
      expect(refused.code).toBeGreaterThan(0);
      expect(refused.stdout).toBe("");
      expect(ours()).toEqual(before);
    };

    it("when the port is taken", async () => {
      const server: Server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => void server.close());
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      await expectRefusal("server.port_in_use", {
        home: join(temp(), "home"),
        args: ["--port", String(port)],
      });
    });

    it("when the data directory can't be made", async () => {
      await writeFile(join(temp(), "file"), "");
      await expectRefusal("home.unusable", { home: join(temp(), "file", "home") });
    });

    it.runIf(isRoot)("when the data directory belongs to somebody else", async () => {
      const home = join(temp(), "foreign");
      await mkdir(home, { mode: 0o755 });
      await expectRefusal("home.unusable", { home, uid: nobody });
    });

    it("when another one runs on the data directory", async () => {
      const home = await makeHome(temp());
      const up = await startUp({ temp: temp(), home, args: ["--workers", "0"] });
      await expectRefusal("home.in_use", { home });
      expect((await fetch(`${up.url}/health/ready`)).status).toBe(200);
      expect(await up.stop()).toBe(0);
    });

    it("when the settings are not valid", async () => {
      const home = join(temp(), "home");
      await expectRefusal("config.invalid", { home, env: { AGENTVINE_LEASE_SECONDS: "soon" } });
    });

    /** A file system of the given size, filled but for what is asked to be left; a home on it. */
    const mountFull = async (
      sizeKiB: number,
      leftKiB: number,
    ): Promise<AsyncDisposable & { home: string }> => {
      const disk = join(temp(), "disk");
      await mkdir(disk);
      await execFileAsync("mount", ["-t", "tmpfs", "-o", `size=${sizeKiB}k,mode=755`, "tmpfs", disk]);
      const home = await makeHome(disk);
      const ballast = Buffer.alloc((sizeKiB - leftKiB) * 1_024);
      await writeFile(join(disk, "ballast"), ballast).catch(() => undefined);
      return {
        home,
        async [Symbol.asyncDispose]() {
          await execFileAsync("umount", ["-l", disk]);
        },
      };
    };

    it("when the disk is full", async ({ skip }) => {
      if (!(await canMount())) return skip("needs the right to mount");
      await using disk = await mountFull(2_048, 0);
      await expectRefusal("storage.full", { home: disk.home });
    });

    it("when the disk fills up while the database is made", async ({ skip }) => {
      if (!(await canMount())) return skip("needs the right to mount");
      await using disk = await mountFull(20_480, 20_000);
      await expectRefusal("storage.full", { home: disk.home });
    });
  });

  it.runIf(isRoot)("works as root on a private data directory", async () => {
    const folder = join(temp(), "private");
    await mkdir(folder);
    await chmod(folder, 0o700);
    const home = join(folder, "home");
    const up = await startUp({ temp: temp(), home, args: ["--workers", "0"] });
    const cluster = (await readFile(join(home, "postgres.location"), "utf8")).trim();
    onTestFinished(() => rm(dirname(cluster), { recursive: true, force: true }));
    expect(findProcess(cluster, "bin/postgres")).toBeDefined();
    const about = await up.client.call(endpoints.system.about);
    expect(about.name).toBeDefined();
    expect(await up.stop()).toBe(0);
    expect(describeProcesses(cluster)).toEqual([]);
  });
});
