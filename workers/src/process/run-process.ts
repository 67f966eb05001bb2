import { type ChildProcess, spawn } from "node:child_process";
import { coerceError, newId } from "@agentvine/kit";
import type { CommandResult, SandboxCommand } from "../sandbox/sandbox.ts";
import { createCappedOutput } from "./capped-output.ts";
import { sendSignal } from "./process-table.ts";
import { processTags, sweepTag } from "./sweep-processes.ts";

export interface ProcessSpec extends Omit<SandboxCommand, "env" | "cwd"> {
  /** Absolute directory to run in. */
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs as this user; needs root. */
  readonly uid?: number;
  readonly gid?: number;
}

type EndedBy = CommandResult["endedBy"];

/**
 * After the command's end its pipes are read until they were silent for this many looks in a row: something it left behind may hold
 * them open. Looks, not milliseconds: between two looks the event loop has read what there was, however loaded the machine is.
 */
const silentLooks = 5;
const lookMs = 50;
const graceMsDefault = 2_000;

/**
 * Runs a command in a session of its own, without a shell and with nothing of our environment. Memory stays bounded whatever it
 * prints: only head and tail are kept, and while `onOutput` is busy the command is held by the full pipe. What it started in its
 * process group ends with it; when it is cut off (time-out, output limit, abort), so does everything that carries its tag.
 * Never throws for a failing command, not even for one that can't be started.
 * @throws what `onOutput` throws, after the command was killed.
 */
export async function runProcess(spec: ProcessSpec): Promise<CommandResult> {
  const startedMs = performance.now();
  if (spec.signal?.aborted === true) {
    return unstarted("abort", "aborted before it started", startedMs);
  }
  const commandId = newId();
  let child: ChildProcess;
  try {
    child = start(spec, commandId);
  } catch (error) {
    return unstarted("spawn_error", describeStartError(spec, coerceError(error)), startedMs);
  }
  return await followChild(spec, child, commandId, startedMs);
}

function start(spec: ProcessSpec, commandId: string): ChildProcess {
  const [file, ...args] = spec.argv;
  return spawn(file, args, {
    cwd: spec.cwd,
    env: { ...spec.env, [processTags.command]: commandId },
    // A session of its own: one signal reaches the whole group, and no terminal can be reached from inside.
    detached: true,
    stdio: [spec.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.gid === undefined ? {} : { gid: spec.gid }),
  });
}

async function followChild(
  spec: ProcessSpec,
  child: ChildProcess,
  commandId: string,
  startedMs: number,
): Promise<CommandResult> {
  const stdout = createCappedOutput(spec.outputBytesMax);
  const stderr = createCappedOutput(spec.outputBytesMax);
  const cut = createCutOff(spec, child, commandId);
  let outputError: { readonly error: unknown } | undefined;

  const readers = createReaders(child, async (stream, chunk) => {
    (stream === "stdout" ? stdout : stderr).push(chunk);
    if (
      spec.outputBytesLimit !== undefined &&
      stdout.totalBytes + stderr.totalBytes > spec.outputBytesLimit
    ) {
      cut.off("output_limit");
    }
    if (spec.onOutput !== undefined && outputError === undefined) {
      try {
        await spec.onOutput(stream, chunk);
      } catch (error) {
        outputError = { error };
        cut.off("abort");
      }
    }
  });
  feedStdin(child, spec.stdin);

  const exit = await exitOf(child);
  // The group outlives its leader: what the command left running there goes with it.
  const { pid } = child;
  if (pid !== undefined) {
    sendSignal(-pid, "SIGKILL");
  }
  await cut.finish();
  await readers.finish();
  if (outputError !== undefined) {
    throw outputError.error;
  }
  if (exit.error !== undefined) {
    return unstarted("spawn_error", describeStartError(spec, exit.error), startedMs);
  }
  return {
    endedBy: cut.reason() ?? (exit.signal === null ? "exit" : "signal"),
    exitCode: exit.code,
    stdout: stdout.text(),
    stderr: stderr.text(),
    stdoutBytes: stdout.totalBytes,
    stderrBytes: stderr.totalBytes,
    isTruncated: stdout.isTruncated || stderr.isTruncated,
    durationMs: performance.now() - startedMs,
  };
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: Error;
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      // Also emitted when a signal could not be sent; only a child without pid did not start.
      if (child.pid === undefined) {
        resolve({ code: null, signal: null, error });
      }
    });
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}

/** Ends the command early, at most once: TERM to its group, KILL after the grace time, then the sweep by its tag. */
function createCutOff(spec: ProcessSpec, child: ChildProcess, commandId: string) {
  let reason: EndedBy | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const signalGroup = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) {
      sendSignal(-child.pid, signal);
    }
  };
  const off = (why: EndedBy): void => {
    if (reason !== undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    reason = why;
    signalGroup("SIGTERM");
    killTimer = setTimeout(() => signalGroup("SIGKILL"), spec.graceMs ?? graceMsDefault);
  };
  const timeoutTimer = setTimeout(() => off("timeout"), spec.timeoutMs);
  const onAbort = (): void => off("abort");
  spec.signal?.addEventListener("abort", onAbort, { once: true });
  return {
    off,
    reason: () => reason,
    async finish(): Promise<void> {
      clearTimeout(timeoutTimer);
      clearTimeout(killTimer);
      spec.signal?.removeEventListener("abort", onAbort);
      if (reason !== undefined) {
        await sweepTag(`${processTags.command}=${commandId}`);
      }
    },
  };
}

type OnChunk = (stream: "stdout" | "stderr", chunk: Uint8Array) => Promise<void>;

/** Reads both pipes, one chunk at a time each; the next chunk is read when the last one was taken. */
function createReaders(child: ChildProcess, onChunk: OnChunk) {
  let busy = 0;
  let silentFor = 0;
  const read = async (stream: "stdout" | "stderr"): Promise<void> => {
    const source = child[stream];
    if (source === null) {
      return;
    }
    try {
      for await (const chunk of source) {
        busy += 1;
        silentFor = 0;
        await onChunk(stream, chunk);
        busy -= 1;
      }
    } catch {
      // The pipe was closed under us, below or by the system: what was read so far counts.
    }
  };
  const done = Promise.all([read("stdout"), read("stderr")]);
  return {
    /** Resolves at the end of both pipes, or once they are silent although something still holds them open. */
    async finish(): Promise<void> {
      silentFor = 0;
      const silence = setInterval(() => {
        silentFor = busy === 0 ? silentFor + 1 : 0;
        if (silentFor > silentLooks) {
          child.stdout?.destroy();
          child.stderr?.destroy();
        }
      }, lookMs);
      await done;
      clearInterval(silence);
    },
  };
}

function feedStdin(child: ChildProcess, stdin: ProcessSpec["stdin"]): void {
  // EPIPE: the command ended or closed its input without reading all of it, which is its own business.
  child.stdin?.on("error", () => {});
  if (stdin !== undefined) {
    child.stdin?.end(stdin);
  }
}

function describeStartError(spec: ProcessSpec, error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.message;
  const hint = code === "ENOENT" ? " (not installed, or its directory is gone)" : "";
  return `could not start ${spec.argv[0]}: ${code}${hint}`;
}

function unstarted(endedBy: EndedBy, message: string, startedMs: number): CommandResult {
  return {
    endedBy,
    exitCode: null,
    stdout: "",
    stderr: message,
    stdoutBytes: 0,
    stderrBytes: 0,
    isTruncated: false,
    durationMs: performance.now() - startedMs,
  };
}
