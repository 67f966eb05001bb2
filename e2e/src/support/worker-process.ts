import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { checkout } from "./agentvine.ts";

export interface WorkerOptions {
  readonly serverUrl: string;
  readonly token: string;
  readonly name: string;
  readonly dataDir: string;
  /** Command line of the agent; none when the environment names a model. */
  readonly agent?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface WorkerProcess {
  readonly name: string;
  readonly pid: number;
  readonly workerId: string;
  readonly dataDir: string;
  /** From the start of the process to its ready line. */
  readonly readyMs: number;
  /** Its exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  /** Drains it; killed when that takes too long. */
  stop(): Promise<void>;
}

const drainMsMax = 20_000;
const entry = join(checkout, "workers/dist/main.js");

/** Starts the built worker in a process of its own and waits until it is ready. */
export async function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  if (!existsSync(entry)) throw new Error(`${entry} does not exist: run "npm run build" first`);
  const { name, dataDir, agent } = options;
  const startedMs = performance.now();
  const child = spawn(process.execPath, [entry], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "",
      AGENTVINE_HOME: dataDir,
      AGENTVINE_SERVER: options.serverUrl,
      AGENTVINE_TOKEN: options.token,
      AGENTVINE_WORKER_NAME: name,
      AGENTVINE_WORKER_DATA_DIR: dataDir,
      AGENTVINE_WORKER_SANDBOX: "none",
      AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
      ...(agent === undefined ? {} : { AGENTVINE_WORKER_AGENT_COMMAND: JSON.stringify(agent) }),
      ...options.env,
    },
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr = (stderr + String(chunk)).slice(-20_000);
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), drainMsMax);
    await exited;
    clearTimeout(killer);
  };
  const { workerId } = await readyLine(child, () => stderr);
  return {
    name,
    pid: child.pid ?? 0,
    workerId,
    dataDir,
    readyMs: performance.now() - startedMs,
    exited,
    stderr: () => stderr,
    signal: (signal) => child.kill(signal),
    stop,
  };
}

const readyLine = (child: ChildProcess, stderr: () => string) =>
  new Promise<{ workerId: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => reject(new Error(`the worker ended before it was ready:\n${stderr()}`)));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => resolve(JSON.parse(line)));
  });
