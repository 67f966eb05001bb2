import type { EvidenceCommand } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { createSecretRedactor } from "../agents/secret-redactor.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { OutputTail } from "./output-tail.ts";

export type Where = EvidenceCommand["where"];

export interface GateCommandOptions {
  readonly sandbox: Sandbox;
  readonly where: Where;
  /** A line for the shell. */
  readonly line: string;
  readonly env: Readonly<Record<string, string>>;
  /** Values that are taken out of the output before any of it is kept or told. */
  readonly secrets?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onOutput: (text: string) => void;
}

export interface GateCommandResult {
  readonly command: EvidenceCommand;
  readonly stdout: string;
}

/** More than this at once is a flood: the command is killed. */
const outputBytesLimit = 64 * 1024 * 1024;
const stdoutBytesKept = 8 * 1024 * 1024;

/**
 * Runs one command of the gate, as a shell line, and keeps what belongs to the evidence.
 * @throws the signal's reason when aborted; AppError `sandbox.failed` when the command could not be started at all.
 */
export async function runGateCommand(options: GateCommandOptions): Promise<GateCommandResult> {
  const { sandbox, where, line, env, timeoutMs, signal, onOutput } = options;
  const tail = new OutputTail();
  const keep = (text: string): void => {
    tail.push(Buffer.from(text));
    onOutput(text);
  };
  // Before the tail is cut: of half a secret nobody could tell what it is.
  const redactor = createSecretRedactor(options.secrets ?? []);
  const outputs = {
    stdout: { decoder: new TextDecoder(), redacted: redactor.stream() },
    stderr: { decoder: new TextDecoder(), redacted: redactor.stream() },
  };
  signal.throwIfAborted();
  const result = await sandbox.run({
    argv: ["sh", "-c", line],
    env: { CI: "1", ...env },
    timeoutMs,
    outputBytesMax: stdoutBytesKept,
    outputBytesLimit,
    signal,
    onOutput: (stream, chunk) => {
      const { decoder, redacted } = outputs[stream];
      keep(redacted.push(decoder.decode(chunk, { stream: true })));
    },
  });
  for (const { decoder, redacted } of Object.values(outputs))
    keep(redacted.push(decoder.decode()) + redacted.flush());
  signal.throwIfAborted();
  if (result.endedBy === "spawn_error" || result.endedBy === "abort") {
    throw new AppError("sandbox.failed", "A command of the gate could not be started in the sandbox.", {
      detail: `${line}: ${result.stderr}`,
    });
  }
  const { endedBy, exitCode, durationMs } = result;
  return {
    command: {
      where,
      command: line,
      exitCode,
      endedBy,
      durationMs: Math.round(durationMs),
      outputTail: tail.text(),
    },
    stdout: result.stdout,
  };
}

/** Runs a small command of the gate's own and returns its stdout, or null when it fails. */
export async function askSandbox(
  sandbox: Sandbox,
  argv: readonly [string, ...string[]],
  options: { readonly signal: AbortSignal; readonly stdin?: string; readonly bytesMax?: number },
): Promise<string | null> {
  const result = await sandbox.run({
    argv,
    timeoutMs: 30_000,
    outputBytesMax: options.bytesMax ?? 1024 * 1024,
    signal: options.signal,
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
  });
  options.signal.throwIfAborted();
  return result.endedBy === "exit" && result.exitCode === 0 && !result.isTruncated ? result.stdout : null;
}

/** How a command ended, for people: `exit code 1`, `stopped after 600 s`. */
export function describeEnd({ endedBy, exitCode, durationMs }: EvidenceCommand): string {
  switch (endedBy) {
    case "timeout":
      return `did not end and was stopped after ${Math.max(1, Math.round(durationMs / 1000))} s`;
    case "output_limit":
      return `printed more than ${outputBytesLimit / 1024 / 1024} MiB and was stopped`;
    case "signal":
      return "was killed by a signal";
    case "exit":
      return `ended with exit code ${exitCode ?? "unknown"}`;
  }
}
