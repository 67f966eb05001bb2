import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { startScriptedModel } from "@agentvine/scripted-model";
import {
  createDatabase,
  createRepository,
  createTestCa,
  listProcessesWithEnv,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CommandRun, runCommand } from "../testing/run-command.ts";

const tempDir = useTempDir();

/** Runs `up` until `stop` is called, with a database of its own on the shared server. */
const startUp = async (
  args: readonly string[],
  environment: Record<string, string> = {},
  home = join(tempDir(), "home"),
) => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const stopping = new AbortController();
  const env = { PATH: process.env.PATH ?? "", DATABASE_URL: database.url, ...environment };
  const notes: string[] = [];
  let ended: CommandRun | undefined;
  const caFile = environment.AGENTVINE_CA_FILE;
  const run = runCommand({ home, environment: env, caFile }, ["up", "--port", "0", "--json", ...args], {
    signal: stopping.signal,
    onNote: (text) => notes.push(text),
  }).then((result) => {
    ended = result;
    return result;
  });
  onTestFinished(async () => {
    stopping.abort();
    await run;
  });
  const ready = await waitUntil(() => notes.join("").includes("Ctrl-C stops it") || ended !== undefined, {
    timeoutMs: 30_000,
  });
  return {
    home,
    ready,
    notes: () => notes.join(""),
    ended: () => ended,
    stop: () => {
      stopping.abort();
      return run;
    },
  };
};

// Each starts a whole installation.
describe("up", { timeout: 120_000 }, () => {
  it("speaks https when it has a certificate, and its own worker, controller and commands find it there", async () => {
    const ca = await createTestCa();
    const { cert, key } = await ca.issue(["127.0.0.1"]);
    const put = async (name: string, text: string) => {
      const path = join(tempDir(), name);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    };
    const caFile = await put("ca.pem", ca.cert);
    const up = await startUp(["--sandbox", "none", "--accept-no-sandbox", "--workers", "1"], {
      ...{ AGENTVINE_TLS_CERT_FILE: await put("tls.crt", cert), AGENTVINE_CA_FILE: caFile },
      ...{ AGENTVINE_TLS_KEY_FILE: await put("tls.key", key), AGENTVINE_MODEL: "scripted/demo" },
      AGENTVINE_MODEL_BASE_URL: "http://127.0.0.1:9",
    });
    expect(up.notes()).toMatch(/address +https:\/\/127\.0\.0\.1:\d+/);
    expect(up.notes()).toMatch(/browser +https:\/\/127\.0\.0\.1:\d+\/local\/open/);
    expect(up.notes()).toMatch(/workers +1 of 1/);
    expect(up.notes()).not.toContain("no controller");
    const status = await runCommand({ home: up.home, caFile }, ["worker", "status"]);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining("local-1") });
    expect((await up.stop()).code).toBe(0);
  });

  it("says where it is, runs a task on the user's own repository, and stops with nothing left", async () => {
    const model = await startScriptedModel();
    onTestFinished(() => model.close());
    const up = await startUp(["--sandbox", "none", "--accept-no-sandbox", "--workers", "1"], {
      AGENTVINE_MODEL: "scripted/demo",
      AGENTVINE_MODEL_BASE_URL: model.baseUrl,
    });
    expect(up.notes()).toMatch(/workers +1 of 1/);
    const repository = await createRepository(join(tempDir(), "empty"), { "README.md": "# x\n" });
    const flags = ["--type", "docs", "--title", "Say more", "--watch"];
    const task = await runCommand({ home: up.home }, ["task", "create", "--repo", repository.path, ...flags]);
    // The scripted model has no scenario for this title and says so: the task fails with the reason, not with silence.
    expect(task.code).toBe(1);
    expect(task.stdout).toMatch(/docs +claimed +attempt 1 by local-1/);
    expect(task.stdout).toMatch(/docs +failed/);
    const { code, stdout } = await up.stop();
    expect(code).toBe(0);
    const { pid, workers } = JSON.parse(stdout);
    expect({ pid, workers }).toEqual({ pid: process.pid, workers: 1 });
    expect(await runCommand({ home: up.home }, ["task", "list"])).toMatchObject({ code: 3 });
  });

  it("comes up without a worker when there is no sandbox, and says why", async () => {
    const up = await startUp(["--workers", "1"]);
    expect(up.notes()).toMatch(/workers +0 of 1/);
    expect(up.notes()).toContain("(sandbox.unavailable)");
    const refused = await runCommand({ home: up.home }, [
      "task",
      "create",
      "--repo",
      tempDir(),
      "--type",
      "docs",
      "--title",
      "x",
    ]);
    expect(refused.code).not.toBe(0);
  });

  it("refuses to run twice on one data directory", async () => {
    const up = await startUp(["--workers", "0"]);
    const state = JSON.stringify({ url: "http://127.0.0.1:1", pid: process.ppid });
    await writeFile(join(up.home, "up.json"), state);
    const second = await runCommand({ home: up.home, environment: {} }, ["up", "--port", "0"]);
    expect(second.code).toBe(5);
    expect(second.stderr).toContain("(home.in_use)");
  });

  it("starts a backend again that was killed, on the same address", async () => {
    const up = await startUp(["--workers", "0"]);
    const [backend] = listProcessesWithEnv(`AGENTVINE_HOME=${up.home}`);
    if (backend === undefined) throw new Error("the backend was not found");
    process.kill(backend, "SIGKILL");
    await waitUntil(() => up.notes().includes("backend ended by itself (SIGKILL)"));
    const list = () => runCommand({ home: up.home }, ["task", "list"]);
    await waitUntil(async () => (await list()).code === 0, { timeoutMs: 20_000 });
  });

  it("says in one line that the port is taken", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    onTestFinished(() => void server.close());
    const home = join(tempDir(), "taken");
    const result = await runCommand({ home, environment: {} }, ["up", "--port", String(port)]);
    expect(result.code).toBe(5);
    expect(result.stderr).toContain(`agentvine: port ${port} is taken`);
  });

  it("says in one line that the data directory can't be made", async () => {
    await writeFile(join(tempDir(), "file"), "");
    const result = await runCommand({ home: join(tempDir(), "file", "home"), environment: {} }, ["up"]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/\(home\.unusable\)/);
  });

  it("passes on why the backend can't start, and leaves nothing running", async () => {
    const environment = { PATH: process.env.PATH ?? "", DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" };
    const result = await runCommand({ home: join(tempDir(), "nodb"), environment }, [
      "up",
      "--port",
      "0",
      "--workers",
      "1",
    ]);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/agentvine: .*\(database\.unavailable\)/);
  });
});
