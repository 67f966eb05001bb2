import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { isErrorCode } from "@agentvine/contracts";
import { AppError, deferred } from "@agentvine/kit";

export interface ManagedProcessOptions {
  readonly name: string;
  /** Compiled program, run by this Node. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Every line the process writes to stderr: its log. */
  readonly onLog?: (line: string) => void;
  readonly readyTimeoutMs?: number;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of ours with a ready line (one JSON object on stdout) and its log on stderr. */
export interface ManagedProcess {
  readonly name: string;
  /** Undefined when it could not be started at all. */
  readonly pid: number | undefined;
  /** The ready line's fields. @throws AppError with the process's own last words when it dies first. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
  readonly exited: Promise<ProcessExit>;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<ProcessExit>;
  /** SIGKILL at once. */
  kill(): Promise<ProcessExit>;
}

const tailLinesMax = 20;

/** Starts a program as a process of its own. It stops by itself when this process dies: its stdin closes. */
export const startProcess = (options: ManagedProcessOptions): ManagedProcess => {
  const child = spawn(process.execPath, [options.program, ...(options.args ?? [])], {
    env: { ...options.env, AGENTVINE_STOP_ON_STDIN_END: "true" },
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own: Ctrl-C reaches only us, and we stop everything in order.
    detached: true,
  });
  const tail: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    tail.push(line);
    if (tail.length > tailLinesMax) tail.shift();
    options.onLog?.(line);
  });
  const exited = exitOf(child);
  const ready = readyLine(child, options, exited, tail);
  // Who awaits `ready` hears of it; who does not must not crash by an unhandled rejection.
  ready.catch(() => undefined);
  const end = async (signal: NodeJS.Signals, graceMs: number): Promise<ProcessExit> => {
    child.kill(signal);
    const killer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    const exit = await exited;
    clearTimeout(killer);
    return exit;
  };
  return {
    name: options.name,
    pid: child.pid,
    ready,
    exited,
    stop: (graceMs = 20_000) => end("SIGTERM", graceMs),
    kill: () => end("SIGKILL", 0),
  };
};

const exitOf = (child: ChildProcess): Promise<ProcessExit> => {
  const exit = deferred<ProcessExit>();
  // "close" comes after the pipes are drained, so that its last words are in the tail.
  child.once("close", (code, signal) => exit.resolve({ code, signal }));
  child.once("error", () => exit.resolve({ code: null, signal: null }));
  return exit.promise;
};

const readyLine = (
  child: ChildProcess,
  options: ManagedProcessOptions,
  exited: Promise<ProcessExit>,
  tail: readonly string[],
): Promise<Readonly<Record<string, unknown>>> => {
  const ready = deferred<Readonly<Record<string, unknown>>>();
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const fields = parseReady(line);
      if (fields !== undefined) ready.resolve(fields);
    });
  }
  const timeoutMs = options.readyTimeoutMs ?? 60_000;
  const timer = setTimeout(() => {
    ready.reject(
      new AppError("server.unreachable", `${options.name} did not start within ${timeoutMs / 1_000} s`),
    );
  }, timeoutMs);
  void exited.then((exit) => ready.reject(startError(options.name, exit, tail)));
  return ready.promise.finally(() => clearTimeout(timer));
};

const parseReady = (line: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "ready" in value ? { ...value } : undefined;
  } catch {
    return undefined; // not the ready line
  }
};

/** A start error is the process's own one line when it wrote one: `agentvine: <message> (<code>)`. */
const startError = (name: string, exit: ProcessExit, tail: readonly string[]): AppError => {
  const own = tail.findLast((line) => line.startsWith("agentvine: "));
  const match = own === undefined ? null : /^agentvine: (.*) \(([a-z_]+\.[a-z_]+)\)$/.exec(own);
  const code = match?.[2];
  if (match?.[1] !== undefined && code !== undefined && isErrorCode(code))
    return new AppError(code, match[1]);
  const ending = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
  const last = own ?? tail.at(-1) ?? "it said nothing";
  return new AppError("server.unreachable", `${name} ended with ${ending} before it was ready: ${last}`);
};
