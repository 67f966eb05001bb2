import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { FaultProxy, processIsAlive } from "@agentvine/testkit";
import { startWorker, type WorkerProcess } from "../support/worker-process.ts";
import { type ProtocolSettings, settingsVariable } from "./protocol/settings.ts";

/** A worker or controller of the fleet with the network between it and the backend. */
export interface Member {
  readonly name: string;
  readonly isReal: boolean;
  readonly proxy: FaultProxy;
  readonly dataDir: string;
  /** True while a fault has it in its hands. */
  isTaken: boolean;
  readonly pid: number;
  /** @param clockOffsetMs its wall clock is wrong by so much */
  start(clockOffsetMs?: number): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, and waits until it has ended. */
  kill(): Promise<void>;
  /** SIGTERM: it finishes or gives back what it holds. SIGKILL when that takes too long. */
  drain(): Promise<void>;
  /** Processes that it started itself. */
  children(): number[];
}

interface Running {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  signal(signal: NodeJS.Signals): void;
}

const drainMsMax = 20_000;

/** Options of node for a process whose wall clock is wrong. */
export const clockEnvironment = (offsetMs: number): Record<string, string> =>
  offsetMs === 0
    ? {}
    : {
        NODE_OPTIONS: `--import=${new URL("preload/clock-offset.js", import.meta.url).href}`,
        AGENTVINE_CHAOS_CLOCK_OFFSET_MS: String(offsetMs),
      };

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // no Linux, or it has ended
  }
}

interface MemberOptions {
  readonly name: string;
  readonly isReal: boolean;
  readonly backendUrl: string;
  readonly dataDir: string;
  readonly launch: (clockOffsetMs: number, serverUrl: string) => Promise<Running>;
}

export async function makeMember({
  name,
  isReal,
  backendUrl,
  dataDir,
  launch,
}: MemberOptions): Promise<Member> {
  const proxy = await FaultProxy.start(backendUrl);
  let running: Running | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = running;
    if (ending === undefined) return;
    running = undefined;
    ending.signal("SIGCONT");
    ending.signal(signal);
    const killer = setTimeout(() => ending.signal("SIGKILL"), drainMsMax);
    await ending.exited;
    clearTimeout(killer);
  };
  return {
    name,
    isReal,
    proxy,
    dataDir,
    isTaken: false,
    get pid() {
      return running?.pid ?? 0;
    },
    start: async (clockOffsetMs = 0) => {
      running = await launch(clockOffsetMs, proxy.url);
    },
    signal: (signal) => running?.signal(signal),
    kill: () => end("SIGKILL"),
    drain: () => end("SIGTERM"),
    children: () => childrenOf(running?.pid ?? 0).filter(processIsAlive),
  };
}

export interface MemberPlace {
  readonly name: string;
  readonly backendUrl: string;
  readonly token: string;
  readonly dataDir: string;
}

/** Megabytes when the task asks for a flood, and a file that no other attempt writes. */
const agentScript = `
if grep -q chaos-flood "$AGENTVINE_PROMPT_FILE"; then head -c 24000000 /dev/zero | tr '\\0' 'x' | fold -w 8000; fi
printf '# Guide\\n\\nCall sum; see the README. Written at %s.\\n' "$(date +%s%N)" > GUIDE.md`;

/** The built worker, with an agent that is a shell script. */
export const realMember = ({ name, backendUrl, token, dataDir }: MemberPlace): Promise<Member> =>
  makeMember({
    name,
    isReal: true,
    backendUrl,
    dataDir,
    launch: async (clockOffsetMs, serverUrl): Promise<Running> => {
      const worker: WorkerProcess = await startWorker({
        serverUrl,
        token,
        name,
        dataDir,
        agent: ["sh", "-c", agentScript],
        env: {
          AGENTVINE_WORKER_TASK_TYPES: "docs",
          AGENTVINE_WORKER_DISK_FREE_BYTES_MIN: "8000000",
          AGENTVINE_WORKER_GRACE_SECONDS: "8",
          ...clockEnvironment(clockOffsetMs),
        },
      });
      // Executors start slowly; those who only speak the protocol should not wait for them.
      setPriority(worker.pid, 5);
      return worker;
    },
  });

const protocolEntry = fileURLToPath(new URL("protocol/main.ts", import.meta.url));
const tsx = pathToFileURL(fileURLToPath(import.meta.resolve("tsx"))).href;

export interface ProtocolPlace extends MemberPlace {
  readonly journalDirectory: string;
  readonly seed: number;
  readonly slots: number;
}

/** A protocol worker: see `protocol/main.ts`. */
export function protocolMember(place: ProtocolPlace): Promise<Member> {
  const { name, backendUrl, token, dataDir, journalDirectory, seed, slots } = place;
  let starts = 0;
  const launch = async (clockOffsetMs: number, serverUrl: string): Promise<Running> => {
    starts += 1;
    const settings: ProtocolSettings = {
      name,
      serverUrl,
      token,
      dataDir,
      journalDirectory,
      journalName: `${name}-${starts}`,
      seed,
      slots,
    };
    const child: ChildProcess = spawn(
      process.execPath,
      // Without the sources of the packages: the built ones start quicker.
      [`--import=${tsx}`, protocolEntry],
      {
        stdio: ["pipe", "pipe", "inherit"],
        env: {
          PATH: process.env.PATH ?? "",
          [settingsVariable]: JSON.stringify(settings),
          ...clockEnvironment(clockOffsetMs),
        },
      },
    );
    const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.stdout?.resume();
    return { pid: child.pid ?? 0, exited, signal: (signal) => child.kill(signal) };
  };
  return makeMember({ name, isReal: false, backendUrl, dataDir, launch });
}
