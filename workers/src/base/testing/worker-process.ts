import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface WorkerProcessOptions {
  readonly serverUrl: string;
  readonly token: string;
  readonly name: string;
  readonly dataDir: string;
  /** What runs as the agent. */
  readonly agent?: readonly string[];
  readonly env?: Record<string, string>;
}

/** A real worker: the built program in a process of its own, killed with everything below it when the test is over. */
export interface WorkerProcess {
  readonly pid: number;
  /** Its ready line. Rejects with its last words when it ends before. */
  readonly ready: Promise<{ workerId: string; name: string }>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
}

const entry = fileURLToPath(new URL("../../../dist/main.js", import.meta.url));

export const startWorkerProcess = (options: WorkerProcessOptions): WorkerProcess => {
  if (!existsSync(entry)) throw new Error(`${entry} does not exist: run "npm run build" first`);
  const child = spawn(process.execPath, [entry], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "",
      AGENTVINE_HOME: options.dataDir,
      AGENTVINE_SERVER: options.serverUrl,
      AGENTVINE_TOKEN: options.token,
      AGENTVINE_WORKER_NAME: options.name,
      AGENTVINE_WORKER_LABELS: options.name,
      AGENTVINE_WORKER_DATA_DIR: options.dataDir,
      AGENTVINE_WORKER_SANDBOX: "none",
      AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
      AGENTVINE_WORKER_GRACE_SECONDS: "6",
      ...(options.agent === undefined
        ? {}
        : { AGENTVINE_WORKER_AGENT_COMMAND: JSON.stringify(options.agent) }),
      ...(process.env.NODE_V8_COVERAGE === undefined
        ? {}
        : { NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE }),
      ...options.env,
    },
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr = (stderr + String(chunk)).slice(-20_000);
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const ready = readReadyLine(child, () => stderr);
  ready.catch(() => undefined);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    stderr: () => stderr,
    signal: (signal) => child.kill(signal),
  };
};

const readReadyLine = (child: ChildProcess, stderr: () => string) =>
  new Promise<{ workerId: string; name: string }>((resolve, reject) => {
    child.once("close", () => reject(new Error(`the worker ended before it was ready:\n${stderr()}`)));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const value = JSON.parse(line);
      if (value.ready === true) resolve(value);
    });
  });
