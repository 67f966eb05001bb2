import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./owner.ts", import.meta.url));

export interface Owner {
  child: ChildProcess;
  pid: number;
  url: string;
  serverPid: number;
  adopted: boolean;
  dataDir: string;
  error: { code: string; message: string } | undefined;
  /** SIGKILL, and waits until the process has ended. */
  kill(): Promise<void>;
  /** Orderly stop. */
  stop(): Promise<void>;
}

export interface OwnerOptions {
  dataDir?: string;
  home?: string;
  uid?: number;
  gid?: number;
  env?: Record<string, string>;
}

const started: ChildProcess[] = [];

/** Starts a process that starts a server, and waits for what it has to say. */
export async function startOwner({ uid, gid, env = {}, ...options }: OwnerOptions): Promise<Owner> {
  const args = [
    "--conditions=@agentvine/source",
    "--import",
    import.meta.resolve("tsx"),
    program,
    JSON.stringify(options),
  ];
  const child = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env.PATH, ...env },
    cwd: "/",
    detached: true,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  started.push(child);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the owner ended with ${code}`)));
    createInterface({ input: child.stdout ?? process.stdin }).once("line", resolve);
  });
  const { url = "", pid = 0, adopted = false, dataDir = "", error } = JSON.parse(line);
  return {
    child,
    pid: child.pid ?? 0,
    url,
    serverPid: pid,
    adopted,
    dataDir,
    error,
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    stop: async () => {
      child.stdin?.write("stop\n");
      await exited;
    },
  };
}

/** Ends what a failed test left; the servers follow. */
export function killOwners(): void {
  for (const child of started.splice(0)) {
    child.kill("SIGKILL");
  }
}
