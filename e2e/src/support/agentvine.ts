import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "@agentvine/testkit";
import { onTestFinished } from "vitest";

/** The checkout these tests belong to. */
export const checkout = join(import.meta.dirname, "../../..");

export interface LaunchOptions {
  /** Another copy of the checkout to start from. */
  readonly root?: string;
  /** The whole environment but PATH, LANG and TMPDIR; undefined leaves a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Everything it makes lies below; also tells its processes from others. */
  readonly temp: string;
  readonly cwd?: string;
  /** Runs instead of the command line; its standard input can be typed into. */
  readonly program?: string;
  /** Needs root. */
  readonly uid?: number;
}

export interface Launched {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  signal(signal: NodeJS.Signals): void;
  /** Writes to its standard input, which is there with `program` only. */
  type(text: string): void;
}

const present = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

/** Starts the command line of a checkout as a user does. Killed at the end of the test if it still runs. */
export function launch(args: readonly string[], options: LaunchOptions): Launched {
  const program = join(options.root ?? checkout, "cli/bin/agentvine.js");
  if (!existsSync(program)) throw new Error(`${program} does not exist`);
  const { uid } = options;
  const [file, argv] =
    options.program === undefined ? [process.execPath, [program, ...args]] : [options.program, args];
  const child: ChildProcess = spawn(file, argv, {
    cwd: options.cwd ?? options.temp,
    stdio: [options.program === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      LANG: "C.UTF-8",
      TMPDIR: options.temp,
      ...present(options.env ?? {}),
    },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk) => {
    stdout += String(chunk);
  });
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    signal: (signal) => child.kill(signal),
    type: (text) => child.stdin?.write(text),
  };
}

/** Waits until what the command writes about its work, or to a terminal, holds something. Fails at once when the command ends before. */
export async function untilSaid(
  launched: Launched,
  pattern: RegExp,
  timeoutMs = 90_000,
): Promise<RegExpExecArray> {
  let isOver = false;
  void launched.exited.then(() => {
    isOver = true;
  });
  const said = () => `${launched.stderr()}\n${launched.stdout()}`;
  const found = await waitUntil(() => pattern.exec(said()) ?? (isOver ? "over" : undefined), {
    timeoutMs,
    message: `${pattern} in:\n${said().slice(-4_000)}`,
  });
  if (found === "over") throw new Error(`it ended without saying ${pattern}:\n${launched.stderr()}`);
  return found;
}

/** Runs a command to its end. */
export async function run(args: readonly string[], options: LaunchOptions) {
  const launched = launch(args, options);
  const { code } = await launched.exited;
  return { code, stdout: launched.stdout(), stderr: launched.stderr() };
}
