import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { backendEnvironment, bareEnvironment, workerEnvironment } from "./child-environment.ts";
import { assertPortFree, freePort } from "./free-port.ts";
import { startProcess } from "./managed-process.ts";
import { supervise } from "./supervise.ts";
import { clearUpState, readUpState, writeUpState } from "./up-state.ts";

const tempDir = useTempDir();
const env = { PATH: process.env.PATH ?? "" };

const program = async (source: string): Promise<string> => {
  const path = join(tempDir(), `program-${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(path, source);
  return path;
};

const obedient = `
  console.log("noise");
  console.log(JSON.stringify({ ready: true, port: 7 }));
  console.error("log line");
  process.on("SIGTERM", () => process.exit(0));
  process.stdin.on("end", () => process.exit(3)).resume();
  setInterval(() => {}, 1000);
`;

describe("startProcess", () => {
  it("becomes ready by its ready line, hands out its log, and stops on request", async () => {
    const log: string[] = [];
    const child = startProcess({
      name: "it",
      program: await program(obedient),
      env,
      onLog: (line) => log.push(line),
    });
    await expect(child.ready).resolves.toMatchObject({ port: 7 });
    await waitUntil(() => log.includes("log line"));
    await expect(child.stop()).resolves.toEqual({ code: 0, signal: null });
  });

  it("passes on the process's own words and code when it can't start", async () => {
    const source = 'console.error("agentvine: port 7 is taken (server.port_in_use)"); process.exit(1);';
    const child = startProcess({ name: "it", program: await program(source), env });
    await expect(child.ready).rejects.toMatchObject({
      code: "server.port_in_use",
      message: "port 7 is taken",
    });
  });

  it("says how it ended when it said nothing of its own", async () => {
    const child = startProcess({
      name: "it",
      program: await program("process.kill(process.pid, 'SIGKILL')"),
      env,
    });
    await expect(child.ready).rejects.toThrow(/it ended with SIGKILL before it was ready/);
  });

  it("gives up when it does not become ready in time", async () => {
    const child = startProcess({
      name: "it",
      program: await program("setInterval(() => {}, 1000)"),
      env,
      readyTimeoutMs: 50,
    });
    await expect(child.ready).rejects.toThrow(/did not start within/);
    await child.kill();
  });

  it("kills what ignores the request to stop", async () => {
    const stubborn =
      'process.on("SIGTERM", () => {}); console.log(JSON.stringify({ ready: true })); setInterval(() => {}, 1000);';
    const child = startProcess({ name: "it", program: await program(stubborn), env });
    await child.ready;
    await expect(child.stop(50)).resolves.toEqual({ code: null, signal: "SIGKILL" });
  });

  it("reports a program that does not exist", async () => {
    const child = startProcess({ name: "it", program: join(tempDir(), "missing.mjs"), env });
    await expect(child.ready).rejects.toMatchObject({ code: "server.unreachable" });
  });
});

describe("supervise", () => {
  it("starts a process again that ended by itself, and never one that was stopped", async () => {
    const path = await program(obedient);
    let starts = 0;
    const start = () => {
      starts += 1;
      return startProcess({ name: "it", program: path, env });
    };
    const first = start();
    await first.ready;
    const restarts: unknown[] = [];
    const supervised = supervise(first, { start, baseMs: 1, onRestart: (exit) => restarts.push(exit) });
    await first.kill();
    await waitUntil(() => starts === 2);
    await supervised.current().ready;
    expect(supervised.current().pid).not.toBe(first.pid);
    await supervised.stop();
    expect(starts).toBe(2);
    expect(restarts).toEqual([{ code: null, signal: "SIGKILL" }]);
  });
});

describe("free ports", () => {
  it("hands out a port nobody listens on", async () => {
    await expect(assertPortFree("127.0.0.1", await freePort())).resolves.toBeUndefined();
  });

  it("says which port is taken and what to do", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    await expect(assertPortFree("127.0.0.1", port)).rejects.toMatchObject({
      code: "server.port_in_use",
      message: `port ${port} is taken by another program: choose another with --port`,
    });
    server.close();
  });

  it("refuses an address this machine does not have", async () => {
    await expect(assertPortFree("192.0.2.1", 0)).rejects.toMatchObject({ code: "config.invalid" });
  });
});

describe("up state", () => {
  it("is found while its process lives and ignored afterwards", () => {
    const home = join(tempDir(), "home");
    expect(readUpState(home)).toBeUndefined();
    writeUpState(home, { url: "http://127.0.0.1:1", pid: process.pid });
    expect(readUpState(home)).toEqual({ url: "http://127.0.0.1:1", pid: process.pid });
    writeUpState(home, { url: "http://127.0.0.1:1", pid: 2 ** 22 + 12_345 });
    expect(readUpState(home)).toBeUndefined();
    clearUpState(home);
    expect(readUpState(home)).toBeUndefined();
  });
});

describe("environments of the started processes", () => {
  const environment = {
    PATH: "/bin",
    HOME: "/home/a",
    DATABASE_URL: "postgres://secret",
    ANTHROPIC_API_KEY: "sk-ant",
    AGENTVINE_MODEL_API_KEY: "sk-own",
    AGENTVINE_LOG_LEVEL: "debug",
    AGENTVINE_MASTER_KEY: "master",
    AWS_SECRET_ACCESS_KEY: "aws",
    UNSET: undefined,
  };

  it("keeps model keys from the backend", () => {
    expect(Object.keys(backendEnvironment(environment))).toEqual([
      "PATH",
      "HOME",
      "DATABASE_URL",
      "AGENTVINE_LOG_LEVEL",
      "AGENTVINE_MASTER_KEY",
    ]);
  });

  it("keeps from workers what is the backend's alone, and gives them the CA of the backend", () => {
    const ofBackend = {
      ...{
        REDIS_URL: "rediss://secret",
        REDIS_CA_FILE: "ca.pem",
        AGENTVINE_SMTP_URL: "smtps://u:secret@mail",
      },
      ...{ AGENTVINE_TLS_KEY_FILE: "tls.key", AGENTVINE_DATABASE_CA_FILE: "ca.pem" },
    };
    const all = { ...ofBackend, AGENTVINE_CA_FILE: "ca.pem" };
    expect(backendEnvironment(all)).toEqual(all);
    expect(workerEnvironment(all)).toEqual({ AGENTVINE_CA_FILE: "ca.pem" });
  });

  it("keeps the database and the master key from workers", () => {
    expect(Object.keys(workerEnvironment(environment))).toEqual([
      "PATH",
      "HOME",
      "ANTHROPIC_API_KEY",
      "AGENTVINE_MODEL_API_KEY",
      "AGENTVINE_LOG_LEVEL",
    ]);
  });

  it("keeps every key and setting from the demo", () => {
    expect(Object.keys(bareEnvironment(environment))).toEqual(["PATH", "HOME"]);
  });
});
