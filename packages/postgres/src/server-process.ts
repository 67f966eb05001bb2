import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { deferred } from "@agentvine/kit";
import { isServerOf, readPostmasterFile } from "./postmaster-file.ts";
import { readProcessInfo } from "./process-info.ts";
import { serverEnvironment } from "./run-program.ts";
import { accountOptions, type ServerAccount } from "./server-account.ts";

/** A running server that ends when this process ends, in whatever way. */
export interface ServerProcess {
  pid: number;
  port: number;
  /** Resolves when the server has ended, by us or not. */
  gone: Promise<void>;
  /** Fast shutdown: connections are cut, everything is saved. Immediate shutdown when that takes over 10 s. */
  stop(): Promise<void>;
}

/**
 * `sh` starts the server and then waits on descriptor 3, a pipe from us. When it closes (we ended, by whatever means) the
 * server gets SIGINT, a fast shutdown; again and again, because one that has only just been started is deaf to the first;
 * and SIGQUIT in the end, because PostgreSQL 18 waits for ever when it is told to stop while it recovers from a crash.
 * A word on the pipe instead of its end sends the shell home when the server has ended by itself.
 * The shell runs in a session of its own and ignores the usual signals, so that Ctrl-C and the like reach us alone and the
 * database outlives our own shutdown.
 */
const startScript = `trap '' HUP INT TERM
"$@" </dev/null 3<&- & server=$!
exec >/dev/null 2>&1
if read -r word <&3; then wait $server; exit; fi
kill -INT $server
(
  trap 'kill $pause; wait $pause; exit' TERM
  for n in 1 2 3 4 5 6 7 8 9; do
    sleep 1 & pause=$!
    wait $pause
    kill -INT $server || exit
  done
  kill -QUIT $server
) & again=$!
wait $server
kill -TERM $again
wait $again`;

/** The same for a server that runs already. */
const watchScript = `trap '' HUP INT TERM
exec >/dev/null 2>&1
read -r word <&3 && exit 0
for n in 1 2 3 4 5 6 7 8 9; do
  kill -INT "$1" || exit
  sleep 1
done
kill -QUIT "$1"`;

/** Settings no start may change: reachable from this machine only, by password only. */
const fixedSettings = { listen_addresses: "127.0.0.1", unix_socket_directories: "" };

/** Less than whoever stops us has patience. After an immediate shutdown the next start recovers, nothing is lost. */
const gracefulStopMs = 10_000;
const pollIntervalMs = 200;

export interface StartServerOptions {
  postgres: string;
  dataDir: string;
  port: number;
  account: ServerAccount | undefined;
  settings: Record<string, string>;
  timeoutMs: number;
  log: (line: string) => void;
}

export type StartResult = { server: ServerProcess } | { output: string; isTimeout: boolean };

/** Starts the server and waits until it takes connections, or tells what it said instead. */
export async function startServer(options: StartServerOptions): Promise<StartResult> {
  const { dataDir, port, account } = options;
  const args = [options.postgres, "-D", dataDir, "-p", String(port)];
  for (const [name, value] of Object.entries({ ...options.settings, ...fixedSettings })) {
    args.push("-c", `${name}=${value}`);
  }
  const watchdog = spawnWatchdog([startScript, "agentvine-postgres", ...args], dataDir, account);
  const gone = new Promise<void>((resolve) => {
    // The server and its children hold the other end; the shell has let go of it.
    watchdog.stderr?.once("close", () => resolve());
    watchdog.once("error", () => resolve());
  });
  const { isReady, isTimeout, output } = await waitUntilReady(watchdog, gone, options);
  const pid = readPostmasterFile(dataDir)?.pid;
  if (!isReady || pid === undefined) {
    if (isTimeout && pid !== undefined && isServerOf(dataDir, pid)) {
      signal(pid, "SIGQUIT");
    }
    if (isTimeout) {
      watchdog.stdio[3]?.destroy();
    } else {
      dismiss(watchdog);
    }
    await hasExited(watchdog);
    return { output, isTimeout };
  }
  const { startId } = readProcessInfo(pid) ?? {};
  watchdog.once("exit", () => {
    // Somebody killed the shell: another watchdog takes over.
    if (startId !== undefined && readProcessInfo(pid)?.startId === startId) {
      guard(pid, dataDir, account, gone);
    }
  });
  // The shell has to collect a server that died.
  void gone.then(() => dismiss(watchdog));
  letGo(watchdog);
  return { server: serverProcess(pid, port, gone, watchdog) };
}

/** Takes over a server that runs already and that nobody watches. */
export function adoptServer(
  pid: number,
  port: number,
  dataDir: string,
  account: ServerAccount | undefined,
): ServerProcess {
  const gone = pollUntilGone(pid);
  return serverProcess(pid, port, gone, guard(pid, dataDir, account, gone));
}

/** True when the last watchdog of this directory's server is alive: with its owner gone it is about to stop the server. */
export function isWatched(dataDir: string): boolean {
  try {
    const [pid, startId] = readFileSync(watchdogFile(dataDir), "utf8").trim().split(" ");
    return readProcessInfo(Number(pid))?.startId === startId;
  } catch {
    return false;
  }
}

const watchdogFile = (dataDir: string): string => `${dataDir}.watchdog`;

/** Waits for the end of a process that is no child of ours. */
export async function pollUntilGone(pid: number): Promise<void> {
  const { startId } = readProcessInfo(pid) ?? {};
  while (startId !== undefined && readProcessInfo(pid)?.startId === startId) {
    await new Promise<void>((resolve) => setTimeout(resolve, pollIntervalMs).unref());
  }
}

/** False when the time is up first. */
export async function endsWithin(gone: Promise<void>, timeoutMs: number): Promise<boolean> {
  const { promise: timeout, resolve } = deferred<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const isGone = await Promise.race([gone.then(() => true), timeout]);
  clearTimeout(timer);
  return isGone;
}

/** A TCP port of the loopback interface that was free a moment ago. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

function spawnWatchdog(script: string[], dataDir: string, account: ServerAccount | undefined): ChildProcess {
  const watchdog = spawn("/bin/sh", ["-c", ...script], {
    ...accountOptions(account),
    cwd: "/",
    env: serverEnvironment,
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  watchdog.stdio[3]?.on("error", () => {});
  if (watchdog.pid !== undefined) {
    const { startId } = readProcessInfo(watchdog.pid) ?? {};
    writeFileSync(watchdogFile(dataDir), `${watchdog.pid} ${startId}\n`, { mode: 0o600 });
  }
  return watchdog;
}

function guard(
  pid: number,
  dataDir: string,
  account: ServerAccount | undefined,
  gone: Promise<void>,
): ChildProcess {
  const watchdog = spawnWatchdog([watchScript, "agentvine-postgres-watch", String(pid)], dataDir, account);
  // The server's pid may belong to somebody else soon: the watchdog must not outlive the server.
  void gone.then(() => dismiss(watchdog));
  letGo(watchdog);
  return watchdog;
}

/** A server must not keep a program alive that has nothing else to do. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) {
    if (stream instanceof Socket) {
      stream.unref();
    }
  }
}

async function waitUntilReady(
  watchdog: ChildProcess,
  gone: Promise<void>,
  { timeoutMs, log }: StartServerOptions,
) {
  let output = "";
  let isTimeout = false;
  let timer: NodeJS.Timeout | undefined;
  const isReady = await new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      isTimeout = true;
      resolve(false);
    }, timeoutMs);
    watchdog.stderr?.on("data", (chunk) => {
      const text = String(chunk);
      output = (output + text).slice(-20_000);
      for (const line of text.trimEnd().split("\n")) {
        log(line);
      }
      if (output.includes("ready to accept connections")) {
        resolve(true);
      }
    });
    watchdog.once("error", (error) => {
      output += error.message;
    });
    void gone.then(() => resolve(false));
  });
  clearTimeout(timer);
  return { isReady, isTimeout, output };
}

function serverProcess(
  pid: number,
  port: number,
  gone: Promise<void>,
  watchdog: ChildProcess,
): ServerProcess {
  const stop = async (): Promise<void> => {
    // From here on the program waits for us again.
    const keepAlive = setInterval(() => {}, 1_000);
    signal(pid, "SIGINT");
    if (!(await endsWithin(gone, gracefulStopMs))) {
      signal(pid, "SIGQUIT");
      await gone;
    }
    dismiss(watchdog);
    await hasExited(watchdog);
    clearInterval(keepAlive);
  };
  return { pid, port, gone, stop };
}

/** Tells a watchdog that there is no server any more. */
function dismiss(watchdog: ChildProcess): void {
  const pipe = watchdog.stdio[3];
  if (pipe instanceof Socket && !pipe.writableEnded) {
    pipe.end("gone\n");
  }
}

async function hasExited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    await new Promise<void>((resolve) => child.once("exit", () => resolve()));
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already.
  }
}
