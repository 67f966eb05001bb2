import { exitCodes } from "../exit-code.ts";
import { workerEnvironment } from "../processes/child-environment.ts";
import { startProcess } from "../processes/managed-process.ts";
import type { CommandContext } from "./command.ts";

/** One of our processes as a command starts it. */
export interface ForegroundProcess {
  /** What people call it. */
  readonly name: string;
  readonly program: string;
  /** Variable of each flag that is handed on. */
  readonly settingOf: Readonly<Record<string, string>>;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** How long it may take to stop after Ctrl-C. */
  readonly stopMsMax: number;
}

const settingsOf = ({ settingOf, flags }: ForegroundProcess): Record<string, string> =>
  Object.fromEntries(
    Object.entries(settingOf).flatMap(([flag, variable]) => {
      const value = flags[flag];
      return typeof value === "string" ? [[variable, value]] : [];
    }),
  );

/**
 * Runs a worker or a controller in the foreground, its log on stderr, until Ctrl-C. Its environment is ours without secrets that are not
 * its own, then the flags.
 * @returns the exit code of the command: 0 after Ctrl-C, else that of the process
 */
export const runInForeground = async (
  context: CommandContext,
  process: ForegroundProcess,
): Promise<number> => {
  const { config, output, signal } = context;
  const child = startProcess({
    name: process.name,
    program: process.program,
    env: {
      ...workerEnvironment(config.environment),
      AGENTVINE_HOME: config.home,
      ...settingsOf(process),
      ...process.environment,
    },
    onLog: output.note,
    readyTimeoutMs: 600_000,
  });
  const stop = () => void child.stop(process.stopMsMax);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const ready = await child.ready;
    if (process.flags.json === true) output.json(ready);
    else output.note(`${process.name} ${String(ready.name)} is ready (pid ${child.pid})`);
    const exit = await child.exited;
    return signal.aborted ? exitCodes.ok : (exit.code ?? exitCodes.failed);
  } finally {
    signal.removeEventListener("abort", stop);
    await child.stop(10_000);
  }
};
