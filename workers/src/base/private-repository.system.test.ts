import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { endpoints, type Task, type TaskCreateInput } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import {
  type BackendProcess,
  createRepository,
  type GitServer,
  git,
  startBackend,
  startGitServer,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startWorkerProcess } from "./testing/worker-process.ts";

const password = `planted-${newId()}`;
const testSecret = `tested & "quoted" ${newId()}`;
/** Every spelling in which one of them could be found. */
const traces = [password, testSecret].flatMap((value) => [
  value,
  value.slice(-36),
  ...[0, 1, 2].map((at) =>
    Buffer.from("x".repeat(at) + value)
      .toString("base64")
      .slice(4, -4),
  ),
  encodeURIComponent(value),
  Buffer.from(value).toString("hex"),
]);
const basic = Buffer.from(`bot:${password}`).toString("base64");

describe("a private repository behind a git server", () => {
  const dir = useTempDir();
  let backend: BackendProcess;
  let server: GitServer;
  let client: Client;

  beforeAll(async () => {
    backend = await startBackend({
      env: { AGENTVINE_ALLOW_PRIVATE_HOSTS: "true", AGENTVINE_LOG_LEVEL: "trace" },
    });
    client = createClient({ baseUrl: backend.url, token: backend.token });
  });
  afterAll(() => backend?.stop());

  const served = () => join(dir(), "served/app");
  const setUp = async (name: string) => {
    await createRepository(served(), { "README.md": "# Sums\n\nAdds numbers.\n" });
    server = await startGitServer({ root: join(dir(), "served"), user: { name: "bot", password } });
    onTestFinished(() => server.close());
    const url = `${server.url}/app/.git`;
    const repository = await client.call(endpoints.repositories.create, { body: { url } });
    const token = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
    const worker = startWorkerProcess({
      ...{ serverUrl: backend.url, token, name, dataDir: join(dir(), name) },
      agent: [
        "sh",
        "-c",
        "printf '# Guide\\n\\nCall sum.\\n' > GUIDE.md; env; cat /proc/$PPID/environ | tr '\\0' '\\n'",
      ],
      env: { AGENTVINE_ALLOW_PRIVATE_HOSTS: "true", AGENTVINE_LOG_LEVEL: "trace" },
    });
    await worker.ready;
    return { repository, worker, url };
  };
  const aTask = (repositoryUrl: string, label: string) => {
    const body: TaskCreateInput = {
      ...{ title: "Write a guide", type: "docs", permissionLevel: "autonomous" },
      ...{ repositoryUrl, requiredLabels: [label] },
    };
    return client.call(endpoints.tasks.create, { body });
  };
  const ended = (task: Task) =>
    waitUntil(
      async () => {
        const now = await client.call(endpoints.tasks.get, { params: { taskId: task.id } });
        return ["completed", "failed"].includes(now.status) ? now : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 50 },
    );

  /** Command lines of all processes, and what the sandboxes have in their environment, as they were seen until the end. */
  const lookAround = () => {
    const seen = { commandLines: new Set<string>(), sandboxes: new Set<string>() };
    const read = (path: string) => {
      try {
        return readFileSync(path, "utf8").replaceAll("\0", "\n");
      } catch {
        return "";
      }
    };
    const timer = setInterval(() => {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        seen.commandLines.add(read(`/proc/${pid}/cmdline`));
        const environment = read(`/proc/${pid}/environ`);
        if (environment.includes("AGENTVINE_SANDBOX_ID=")) seen.sandboxes.add(environment);
      }
    }, 5);
    onTestFinished(() => clearInterval(timer));
    return seen;
  };
  const filesWith = (folder: string, text: string): string => {
    try {
      return execFileSync("grep", ["-rlaF", "-e", text, folder], { encoding: "utf8" });
    } catch {
      return "";
    }
  };

  it("is cloned and pushed to by a worker that is handed its credential, and no log, command line, event, artifact or sandbox shows a secret", async () => {
    const { repository, worker, url } = await setUp("with-credential");
    await client.call(endpoints.credentials.create, {
      body: { kind: "token", repositoryId: repository.id, username: "bot", value: password },
    });
    const params = { repositoryId: repository.id, name: "TEST_SECRET" };
    await client.call(endpoints.secrets.set, { params, body: { value: testSecret } });
    const print = `node -e 'const s = process.env.TEST_SECRET; console.log("has " + s.length, s, Buffer.from(s).toString("base64"), encodeURIComponent(s))'`;
    await client.call(endpoints.repositories.update, {
      params: { repositoryId: repository.id },
      body: { settings: { setupCommand: print, testCommand: print } },
    });
    const seen = lookAround();
    const task = await ended(await aTask(url, "with-credential"));
    expect([task.status, task.statusReason]).toEqual(["completed", expect.anything()]);
    expect(await git(served(), "branch", "--list", "agentvine/*", "--format=%(refname:short)")).toBe(
      `agentvine/${task.id}/a1`,
    );
    expect([...seen.commandLines].join("\n")).toMatch(/git[\s\S]*(fetch|push)/);

    // The commands of the repository had it, and the log shows that it was there.
    const { items } = await client.call(endpoints.executions.list, { query: { taskId: task.id } });
    const run = items.find(({ kind }) => kind === "run");
    const logs = await client.call(endpoints.executions.logs, {
      params: { executionId: run?.id ?? "" },
      query: { limit: 1_000 },
    });
    expect(JSON.stringify(logs)).toContain(`has ${testSecret.length}`);

    const dump = execFileSync(
      "sh",
      [
        "-c",
        `node -e 'import("pg").then(async ({ default: pg }) => { const c = new pg.Client(process.argv[1]); await c.connect(); const t = await c.query("select table_name from information_schema.tables where table_schema = current_schema() and table_type = $1", ["BASE TABLE"]); for (const { table_name } of t.rows) { const r = await c.query("select t::text as row from " + JSON.stringify(table_name) + " t"); for (const { row } of r.rows) console.log(table_name, row); } await c.end(); })' "$0"`,
        backend.databaseUrl,
      ],
      { encoding: "utf8", maxBuffer: 256 * 1_048_576, cwd: join(import.meta.dirname, "../../../backend") },
    );
    expect(dump).toContain("credentials (");
    const everything = {
      "the database": dump,
      "the backend's log": backend.stderr(),
      "the worker's log": worker.stderr(),
      "command lines": [...seen.commandLines].join("\n"),
    };
    for (const trace of [...traces, basic]) {
      for (const [where, text] of Object.entries(everything))
        expect([where, text.includes(trace)]).toEqual([where, false]);
      expect(filesWith(backend.home, trace)).toBe("");
      expect(filesWith(join(dir(), "with-credential"), trace)).toBe("");
    }
    // Setup and gate commands run in sandboxes and have the test-run secret there; the credential is in none.
    expect(
      [...seen.sandboxes].some((text) => text.includes(password) || text.includes("AGENTVINE_GIT")),
    ).toBe(false);
  }, 90_000);

  it("without a credential fails with what to do, and is not tried again", async () => {
    const { url } = await setUp("without-credential");
    const task = await ended(await aTask(url, "without-credential"));
    expect(task.status).toBe("failed");
    expect(task.statusReason).toMatch(/refused the credentials, or wants some/);
    const { items } = await client.call(endpoints.executions.list, { query: { taskId: task.id } });
    expect(items.map(({ failure }) => failure)).toEqual(["checkout"]);
  }, 90_000);
});
