import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { connectBackend } from "@agentvine/kit";
import { type ScriptedModel, startScriptedModel } from "@agentvine/scripted-model";
import {
  type BackendProcess,
  createRepository,
  createTestCa,
  startBackend,
  type TempDir,
  tempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { runCommand } from "../testing/run-command.ts";

let folder: TempDir;
let backend: BackendProcess;
let model: ScriptedModel;
let caFile: string;
let otherCaFile: string;
beforeAll(async () => {
  folder = await tempDir("agentvine-private-ca-");
  const put = async (name: string, text: string) => {
    const path = join(folder.path, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const [ca, other] = await Promise.all([createTestCa(), createTestCa()]);
  const { cert, key } = await ca.issue(["127.0.0.1"]);
  [caFile, otherCaFile] = await Promise.all([put("ca.pem", ca.cert), put("other.pem", other.cert)]);
  const [certFile, keyFile] = await Promise.all([put("tls.crt", cert), put("tls.key", key)]);
  const tls = { AGENTVINE_TLS_CERT_FILE: certFile, AGENTVINE_TLS_KEY_FILE: keyFile };
  [backend, model] = await Promise.all([
    startBackend({ env: { ...tls, AGENTVINE_ALLOW_UNRUNNABLE: "true" } }),
    startScriptedModel(),
  ]);
});
afterAll(async () => {
  await backend?.stop();
  await model?.close();
  await folder?.[Symbol.asyncDispose]();
});

const settings = (change: Record<string, string>) => ({
  home: backend.home,
  environment: {
    ...{ PATH: process.env.PATH ?? "", AGENTVINE_MODEL: "scripted/demo" },
    ...{ AGENTVINE_MODEL_BASE_URL: model.baseUrl, ...change },
  },
});

/** Starts a process in the foreground, until the test ends. */
function start(what: "worker" | "controller", change: Record<string, string>, server = backend.url) {
  const stopping = new AbortController();
  const notes: string[] = [];
  const flags =
    what === "controller"
      ? []
      : ["--sandbox", "none", "--accept-no-sandbox", "--data-dir", join(folder.path, "worker")];
  const args = [what, "start", "--server", server, "--name", `${what}-by-tls`, ...flags];
  const options = { signal: stopping.signal, onNote: (text: string) => notes.push(text) };
  const run = runCommand(settings(change), args, options);
  onTestFinished(async () => {
    stopping.abort();
    await run;
  });
  return { run, isReady: () => waitUntil(() => notes.join("").includes("is ready"), { timeoutMs: 20_000 }) };
}

const command = (args: readonly string[], ca: string | undefined = caFile, server = backend.url) =>
  runCommand({ home: backend.home, serverUrl: server, caFile: ca }, args);

describe("with the CA that signed the certificate of the backend", { timeout: 90_000 }, () => {
  it("commands, a worker with its executors, and a controller talk to it over https", async () => {
    expect(backend.url).toMatch(/^https:/);
    const trusted = { AGENTVINE_CA_FILE: caFile };
    const [worker, controller] = [start("worker", trusted), start("controller", trusted)];
    await Promise.all([worker.isReady(), controller.isReady()]);
    expect((await command(["worker", "status"])).stdout).toMatch(/worker-by-tls +idle/);
    const connection = connectBackend({ serverUrl: backend.url, caFile, allowsPlainHttp: false });
    const health = await createClient(connection).call(endpoints.system.health);
    expect(health.components.controllers?.detail).toMatch(/^1 online/);
    const repository = await createRepository(join(folder.path, "repository"), { "README.md": "# x\n" });
    const flags = ["--type", "docs", "--title", "Say more", "--watch", "--repo", repository.path];
    // The scripted model knows no such task and says so: what the executor says is read here.
    const task = await command(["task", "create", ...flags]);
    expect(task.stdout).toMatch(/docs +claimed +attempt 1 by worker-by-tls/);
    expect(task.stdout + task.stderr).toMatch(/has no scenario|no scenario/);
  });
});

describe("without it", { timeout: 60_000 }, () => {
  const refusal = /the certificate of https:\/\/127\.0\.0\.1:\d+ is not trusted: .*AGENTVINE_CA_FILE/;

  it.each([
    ["none at all", () => undefined],
    ["another one", () => otherCaFile],
  ])("a command is refused and says what to do, with %s", async (_what, ca) => {
    const { code, stderr } = await runCommand({ home: backend.home, serverUrl: backend.url, caFile: ca() }, [
      "worker",
      "status",
    ]);
    expect(code).toBe(3);
    expect(stderr).toMatch(refusal);
    expect(stderr).toContain("(server.untrusted)");
  });

  it.each(["worker", "controller"] as const)("a %s ends at once and says what to do", async (what) => {
    for (const change of [{}, { AGENTVINE_CA_FILE: otherCaFile }]) {
      const { code, stderr } = await start(what, change).run;
      expect(code).toBe(3);
      expect(stderr).toMatch(refusal);
      expect(stderr).toContain("(server.untrusted)");
    }
  });
});

describe("plain http to another machine", { timeout: 30_000 }, () => {
  const elsewhere = "http://192.0.2.1:7420";

  it("is refused by commands before anything is sent, with what to do", async () => {
    const byFlag = await command(["worker", "status", "--server", elsewhere]);
    for (const { code, stderr } of [byFlag, await command(["worker", "status"], undefined, elsewhere)]) {
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /plain http to another machine.*AGENTVINE_ALLOW_PLAIN_HTTP=true.*\(config\.invalid\)/s,
      );
    }
  });

  it.each(["worker", "controller"] as const)("is refused by a %s, with what to do", async (what) => {
    const { code, stderr } = await start(what, {}, elsewhere).run;
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /plain http to another machine.*AGENTVINE_ALLOW_PLAIN_HTTP=true.*\(config\.invalid\)/s,
    );
  });
});
