import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Environment } from "../config.ts";
import { type Finding, runProgram } from "../doctor/probe.ts";
import { probes } from "../doctor/probes.ts";
import { writeUpState } from "../processes/up-state.ts";
import { recordedOutput } from "../testing/recorded-output.ts";
import { doctor } from "./doctor.ts";

const tempDir = useTempDir();

const examine = async (environment: Environment, options: { home?: string; port?: number } = {}) => {
  const recorded = recordedOutput();
  const config = {
    home: options.home ?? join(tempDir(), "home"),
    serverUrl: undefined,
    caFile: undefined,
    allowsPlainHttp: false,
    token: undefined,
    environment,
    version: "0.0.0",
  };
  const context = {
    config,
    output: recorded.output,
    stdin: new PassThrough(),
    signal: new AbortController().signal,
  };
  const code = await doctor(context, { json: true, port: options.port ?? 1 });
  const { ok, findings } = JSON.parse(recorded.stdout()) as { ok: boolean; findings: Finding[] };
  const of = (subject: string) => findings.find((item) => item.subject === subject);
  return { code, ok, findings, of, context, recorded };
};

const path = { PATH: process.env.PATH ?? "" };

describe("doctor", () => {
  it("says that AgentVine can run on this machine", async () => {
    const { code, ok, of } = await examine(path);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(of("node")?.detail).toContain(process.versions.node);
    expect(of("git")?.status).toBe("ok");
    expect(of("database")?.detail).toContain("embedded PostgreSQL");
  });

  it("fails with the remedy when git is missing", async () => {
    const { code, of } = await examine({ PATH: tempDir() });
    expect(code).toBe(1);
    expect(of("git")).toMatchObject({ status: "fail", remedy: "install git 2.39 or newer" });
  });

  it("names the model keys it finds and never shows one", async () => {
    const { findings, of } = await examine({
      ...path,
      ANTHROPIC_API_KEY: "sk-very-secret",
      OPENAI_API_KEY_FILE: "/run/key",
    });
    expect(of("model keys")?.detail).toBe("ANTHROPIC_API_KEY, OPENAI_API_KEY");
    expect(JSON.stringify(findings)).not.toContain("sk-very-secret");
  });

  it("finds a local model server and its models", async () => {
    const server = createServer((_, response) =>
      response.end('{"models":[{"name":"qwen3-coder:30b"},{"odd":1}]}'),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { of } = await examine({
      ...path,
      OLLAMA_HOST: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    expect(of("local models")).toMatchObject({
      status: "ok",
      detail: expect.stringContaining("qwen3-coder:30b"),
    });
  });

  it("says when a local model server has no model", async () => {
    const server = createServer((_, response) => response.end("{}"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { of } = await examine({
      ...path,
      OLLAMA_HOST: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    expect(of("local models")).toMatchObject({ status: "warn", remedy: "ollama pull qwen3-coder" });
  });

  it("warns of a taken port, and knows a backend of our own", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const port = (server.address() as AddressInfo).port;
    expect((await examine(path, { port })).of("port")?.status).toBe("warn");
    const home = join(tempDir(), "running");
    await mkdir(home);
    writeUpState(home, { url: "http://127.0.0.1:9", pid: process.pid });
    expect((await examine(path, { home })).of("backend")?.detail).toContain("http://127.0.0.1:9");
  });

  it("tells yours from the embedded database, and Redis from none", async () => {
    const { of } = await examine({ ...path, DATABASE_URL: "postgres://u:pw@h/db", REDIS_URL: "redis://h" });
    expect(of("database")?.detail).toBe("yours, by DATABASE_URL");
    expect(of("background queue")?.detail).toBe("Redis, by REDIS_URL");
  });

  it("fails with the remedy where a worker would take no work for want of space", async () => {
    const workerDir = join(tempDir(), "worker", "not", "made");
    const worker = { ...path, AGENTVINE_WORKER_DATA_DIR: workerDir };
    expect((await examine(worker)).of("worker's disk")?.detail).toContain(workerDir);
    const { code, of } = await examine({ ...worker, AGENTVINE_WORKER_DISK_FREE_BYTES_MIN: "1e18" });
    expect(code).toBe(1);
    for (const subject of ["disk", "worker's disk"]) {
      expect(of(subject)).toMatchObject({
        status: "fail",
        remedy: expect.stringContaining("free some space"),
      });
    }
    const { of: withoutLimit } = await examine({ ...path, AGENTVINE_WORKER_DISK_FREE_BYTES_MIN: "0" });
    expect(withoutLimit("disk")?.status).not.toBe("fail");
  });

  it("draws a line and a remedy per finding for people", async () => {
    const { context } = await examine(path);
    const recorded = recordedOutput();
    await doctor({ ...context, output: recorded.output }, { port: 1 });
    expect(recorded.stdout()).toMatch(/✓ node/);
    expect(recorded.stdout()).toMatch(/! model keys +none found\n +→ set ANTHROPIC_API_KEY/);
    expect(recorded.stdout()).toContain("AgentVine can run here.");
  });

  it("goes on when a look itself fails", async () => {
    const { context } = await examine(path);
    const recorded = recordedOutput();
    const broken = async () => {
      throw new Error("no such device");
    };
    await expect(doctor({ ...context, output: recorded.output }, { port: 1 }, [broken])).resolves.toBe(0);
    expect(recorded.stdout()).toContain("could not look: no such device");
  });

  it("marks what stops AgentVine from running", async () => {
    const { context } = await examine(path);
    const recorded = recordedOutput();
    const missing = async () => ({
      subject: "git",
      status: "fail" as const,
      detail: "not found",
      remedy: "install it",
    });
    await expect(doctor({ ...context, output: recorded.output }, { port: 1 }, [missing])).resolves.toBe(1);
    expect(recorded.stdout()).toContain("✗ git");
    expect(recorded.stdout()).toContain("can't run here");
  });

  it("looks at everything it promises", () => {
    expect(probes.length).toBeGreaterThanOrEqual(12);
  });
});

describe("runProgram", () => {
  it("gives undefined for a program that is missing or fails, and what it printed otherwise", async () => {
    const run = runProgram(path);
    await expect(run("no-such-program", [])).resolves.toBeUndefined();
    await expect(run("sh", ["-c", "exit 3"])).resolves.toBeUndefined();
    await expect(run("sh", ["-c", "echo out; echo err >&2"])).resolves.toBe("out\nerr");
  });
});
