import { CommanderError } from "commander";
import { loadCliConfig } from "./config.ts";
import { errorText, exitCodeOf, exitCodes } from "./exit-code.ts";
import { createOutput } from "./output/output.ts";
import { createProgram } from "./program.ts";

// `npm run` forwards the Ctrl-C that the terminal has sent already: a second signal this soon is the same key press.
const repeatIgnoredMs = 500;

/** Runs one command line; resolves to the exit code. The second Ctrl-C ends at once. */
export const main = async (args: readonly string[]): Promise<number> => {
  const stopping = new AbortController();
  let firstAtMs = 0;
  const stop = (): void => {
    if (!stopping.signal.aborted) firstAtMs = performance.now();
    else if (performance.now() - firstAtMs > repeatIgnoredMs) process.exit(exitCodes.interrupted);
    stopping.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  let exitCode: number = exitCodes.ok;
  try {
    const config = loadCliConfig();
    const output = createOutput(process, config.environment);
    const context = { config, output, stdin: process.stdin, signal: stopping.signal };
    const program = createProgram(context, async (code) => {
      exitCode = await code;
    });
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (stopping.signal.aborted) return exitCodes.interrupted;
    process.stderr.write(`${errorText(error)}\n`);
    return exitCodeOf(error);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
};
