import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startBackend, useTempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadCliConfig } from "../config.ts";
import { runCommand } from "../testing/run-command.ts";

const tempDir = useTempDir();
let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend?.stop());

const environment = () => ({ PATH: process.env.PATH ?? "", AGENTVINE_TOKEN: backend.token });
const config = () => ({
  serverUrl: backend.url,
  token: backend.token,
  home: tempDir(),
  environment: environment(),
});
const fleet = async () => (await runCommand(config(), ["worker", "status"])).stdout;

const startWorker = (name: string, dataDir: string) => {
  const stopping = new AbortController();
  const flags = [
    "--name",
    name,
    "--data-dir",
    dataDir,
    "--sandbox",
    "none",
    "--accept-no-sandbox",
    "--slots",
    "3",
  ];
  const args = ["worker", "start", "--server", backend.url, ...flags, "--agent-command", "true", "--json"];
  const run = runCommand(config(), args, { signal: stopping.signal });
  onTestFinished(async () => {
    stopping.abort();
    await run;
  });
  return { run, stop: () => stopping.abort() };
};

describe("worker start and stop", () => {
  it("runs a worker in the foreground until another command stops it", { timeout: 60_000 }, async () => {
    const dataDir = join(tempDir(), "data");
    const worker = startWorker("foreground", dataDir);
    await waitUntil(async () => (await fleet()).includes("foreground"), { timeoutMs: 20_000 });
    expect(await fleet()).toMatch(/foreground +idle +0\/3/);
    const stopped = await runCommand(config(), ["worker", "stop", "--data-dir", dataDir, "--timeout", "30"]);
    expect(stopped).toMatchObject({ code: 0, stdout: "worker foreground stopped\n" });
    const { code, stdout } = await worker.run;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ready: true, name: "foreground" });
  });

  it("drains at Ctrl-C and ends well", { timeout: 60_000 }, async () => {
    const worker = startWorker("interrupted", join(tempDir(), "data"));
    await waitUntil(async () => (await fleet()).includes("interrupted"), { timeoutMs: 20_000 });
    worker.stop();
    expect((await worker.run).code).toBe(0);
  });

  it("passes on why a worker can't start", async () => {
    const result = await runCommand(config(), [
      "worker",
      "start",
      "--server",
      backend.url,
      "--sandbox",
      "none",
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("(sandbox.unavailable)");
  });

  it("says that no worker runs there, or that it runs no longer", async () => {
    const none = await runCommand(config(), ["worker", "stop"]);
    expect(none).toMatchObject({ code: 4 });
    expect(none.stderr).toContain("--data-dir");
    const dataDir = join(tempDir(), "gone");
    await mkdir(dataDir);
    await writeFile(join(dataDir, "worker.json"), JSON.stringify({ pid: 2 ** 22 + 54_321, name: "late" }));
    const gone = await runCommand(config(), ["worker", "stop", "--data-dir", dataDir]);
    expect(gone).toMatchObject({ code: 0, stdout: "worker late does not run\n" });
  });

  it("says that there are no workers when there are none", async () => {
    const other = await startBackend();
    onTestFinished(() => other.stop());
    const result = await runCommand({ serverUrl: other.url, token: other.token }, ["worker", "status"]);
    expect(result).toMatchObject({ code: 0, stdout: "no workers\n" });
  });
});

describe("loadCliConfig", () => {
  it("takes address, token and data directory from the environment, and leaves empty ones out", () => {
    const home = tempDir();
    expect(
      loadCliConfig({ AGENTVINE_HOME: home, AGENTVINE_SERVER: "http://h:1", AGENTVINE_TOKEN: "" }),
    ).toMatchObject({
      home,
      serverUrl: "http://h:1",
      token: undefined,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });
});
