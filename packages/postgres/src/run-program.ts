import { spawn } from "node:child_process";
import { accountOptions, type ServerAccount } from "./server-account.ts";

/**
 * All that a PostgreSQL program gets to see. Not our own environment: PG* variables would change what it does, and what
 * else is in there (keys) does not concern it.
 */
export const serverEnvironment = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

export interface ProgramResult {
  /** The exit status; undefined when it could not be started or was ended by a signal. */
  status: number | undefined;
  /** What it wrote, or why it could not be started. */
  output: string;
}

export interface RunProgramOptions {
  account: ServerAccount | undefined;
  timeoutMs: number;
  input?: string;
}

/** Runs one of PostgreSQL's programs to its end. Does not throw. */
export function runProgram(
  program: string,
  args: string[],
  options: RunProgramOptions,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...accountOptions(options.account),
      cwd: "/",
      env: serverEnvironment,
      stdio: ["pipe", "pipe", "pipe"],
    });
    // Not spawn's own time-out, which outlives a program that could not be started.
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    // A program that ends without reading its input is judged by its status.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve({ status: undefined, output: error.message });
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const end = signal === null ? "" : `\nended by ${signal}`;
      resolve({ status: code ?? undefined, output: output + end });
    });
  });
}
