import type { SandboxDriver } from "@agentvine/contracts";

/** A command to run inside the sandbox. */
export interface SandboxCommand {
  readonly argv: readonly [string, ...string[]];
  /** Directory relative to the workspace root; the root itself when left out. */
  readonly cwd?: string;
  /** Added to the sandbox's own small environment. No key of ours; at most what a repository's people stored for its own commands. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** The command and everything it started is killed after this. */
  readonly timeoutMs: number;
  /** Between TERM and KILL when it is cut off; 2,000 by default. */
  readonly graceMs?: number;
  /** How much of stdout and of stderr is kept (head and tail, with a marker between); the rest is read and dropped. */
  readonly outputBytesMax: number;
  /** Kills the command when the total output passes this. */
  readonly outputBytesLimit?: number;
  readonly signal?: AbortSignal;
  /** Sees every chunk as it comes, before any cut. Back-pressure: the next chunk waits for the promise. */
  readonly onOutput?: (stream: "stdout" | "stderr", chunk: Uint8Array) => void | Promise<void>;
}

/** How a sandboxed command ended. Never thrown: a failing command is data. */
export interface CommandResult {
  readonly endedBy: "exit" | "signal" | "timeout" | "output_limit" | "abort" | "spawn_error";
  readonly exitCode: number | null;
  /** UTF-8 with U+FFFD for bytes that are none; kept part only. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly isTruncated: boolean;
  readonly durationMs: number;
}

/** A file the sandbox handed out. */
export interface SandboxFile {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly isTruncated: boolean;
}

/**
 * The only way to touch a workspace. Everything that reads, writes or runs something in it goes through here, also under driver
 * `none`; the executor itself never opens a file of the workspace. Paths are relative to the workspace root; a path that leaves it
 * (also through a symbolic link) is refused with an AppError `sandbox.failed`.
 */
export interface Sandbox {
  readonly driver: SandboxDriver;
  /** False when nothing confines what runs inside. */
  readonly isConfined: boolean;
  /** The workspace root as commands inside see it. */
  readonly workspacePath: string;
  run(command: SandboxCommand): Promise<CommandResult>;
  readFile(path: string, bytesMax: number): Promise<SandboxFile>;
  /** Makes missing folders. */
  writeFile(path: string, content: string | Uint8Array): Promise<void>;
  /** Size of the workspace on disk, for the disk watchdog. */
  diskUsageBytes(): Promise<number>;
  /** Kills everything that still runs inside. Idempotent. */
  close(): Promise<void>;
}

/** Makes sandboxes over a directory of the host. */
export interface SandboxFactory {
  readonly driver: SandboxDriver;
  readonly isConfined: boolean;
  /** Proves that the driver works here; throws AppError `sandbox.unavailable` with the remedy. */
  selfTest(): Promise<void>;
  open(options: SandboxOptions): Promise<Sandbox>;
}

export interface SandboxOptions {
  /** Host directory that becomes the workspace root. */
  readonly workspaceDir: string;
  /** Host directory for HOME and TMPDIR inside; private to this execution. */
  readonly homeDir: string;
  readonly tempDir: string;
  /** Marks every process started inside (`AGENTVINE_EXECUTION_ID`), so that a sweep finds them all. */
  readonly executionId: string;
  readonly env?: Readonly<Record<string, string>>;
}
