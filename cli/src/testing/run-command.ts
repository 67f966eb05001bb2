import { Readable } from "node:stream";
import { CommanderError } from "commander";
import type { CliConfig } from "../config.ts";
import { errorText, exitCodeOf, exitCodes } from "../exit-code.ts";
import { createProgram } from "../program.ts";
import { recordedOutput } from "./recorded-output.ts";

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, as `main` does, and reads what it wrote. */
export const runCommand = async (
  config: Partial<CliConfig>,
  args: readonly string[],
  options: {
    stdin?: string;
    signal?: AbortSignal;
    isInteractive?: boolean;
    onNote?: (text: string) => void;
  } = {},
): Promise<CommandRun> => {
  const { isInteractive = false, onNote = () => undefined } = options;
  const recorded = recordedOutput({ isInteractive, onNote });
  const context = {
    config: {
      home: "/nonexistent",
      serverUrl: undefined,
      caFile: undefined,
      allowsPlainHttp: false,
      token: undefined,
      environment: {},
      version: "9.9.9",
      ...config,
    },
    output: recorded.output,
    stdin: Readable.from([options.stdin ?? ""]),
    signal: options.signal ?? new AbortController().signal,
  };
  let code: number = exitCodes.ok;
  let error = "";
  try {
    const program = createProgram(context, async (pending) => {
      code = await pending;
    });
    await program.parseAsync([...args], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError) code = thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    else {
      code = exitCodeOf(thrown);
      error = errorText(thrown);
    }
  }
  return { code, stdout: recorded.stdout(), stderr: recorded.stderr() + error };
};
