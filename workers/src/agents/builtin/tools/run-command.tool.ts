import { z } from "zod";
import type { CommandResult } from "../../../sandbox/sandbox.ts";
import { commandClass, outsidePaths } from "./command-class.ts";
import { defineTool, failed, succeeded, type ToolContext, type ToolOutcome } from "./tool.ts";

const timeoutSecondsMax = 900;
/** What the model gets of each stream: its head and its tail. */
const outputBytesMax = 16 * 1024;
/** A command that prints more is out of hand. */
const outputBytesLimit = 256 * 1024 * 1024;
/** What people see of it live. */
const shownCharactersMax = 256 * 1024;

const input = z.object({
  command: z.string().min(1).max(20_000).describe("one line for sh, run in the root of the repository"),
  timeoutSeconds: z.number().int().min(1).max(timeoutSecondsMax).optional(),
});

/** Runs a shell line. */
export const runCommandTool = defineTool({
  name: "run_command",
  description:
    "Runs a shell line in the root of the repository and returns exit code and output. It must end by itself: no servers, no watch modes, no questions.",
  input,
  classOf: ({ command }, { sandbox, testCommand }) =>
    commandClass(command, {
      testCommand,
      workspaceRoot: sandbox.workspacePath,
      isConfined: sandbox.isConfined,
    }),
  summarize: ({ command }) => command,
  commandOf: ({ command }) => command,
  pathsOf: ({ command }, { sandbox }) =>
    outsidePaths(command, { workspaceRoot: sandbox.workspacePath, isConfined: sandbox.isConfined }),
  run,
});

async function run(
  { command, timeoutSeconds }: z.infer<typeof input>,
  context: ToolContext,
): Promise<ToolOutcome> {
  const output = shownOutput(context);
  const result = await context.sandbox.run({
    argv: ["sh", "-c", command],
    timeoutMs: timeoutSeconds === undefined ? context.commandTimeoutMs : timeoutSeconds * 1000,
    outputBytesMax,
    outputBytesLimit,
    signal: context.signal,
    onOutput: output.show,
  });
  output.end();
  const text = textOf(result);
  const ended = endOf(result);
  return result.endedBy === "exit"
    ? succeeded(`${ended}\n${text}`, ended)
    : failed(`${ended}\n${text}`, ended);
}

function endOf(result: CommandResult): string {
  const seconds = `${(result.durationMs / 1000).toFixed(1)} s`;
  const ends: Record<CommandResult["endedBy"], string> = {
    exit: `exit code ${result.exitCode} after ${seconds}`,
    signal: `killed by a signal after ${seconds}`,
    timeout: `did not end within ${seconds} and was killed`,
    output_limit: "printed too much and was killed",
    abort: "was stopped",
    spawn_error: "could not be started",
  };
  return ends[result.endedBy];
}

function textOf(result: CommandResult): string {
  const stream = (name: string, text: string, bytes: number): string[] => {
    if (text.trim() === "") return [];
    const cut = bytes > Buffer.byteLength(text) ? ` (${bytes} bytes, cut)` : "";
    return [`--- ${name}${cut}\n${text.trimEnd()}`];
  };
  const parts = [
    ...stream("stdout", result.stdout, result.stdoutBytes),
    ...stream("stderr", result.stderr, result.stderrBytes),
  ];
  return parts.length === 0 ? "[no output]" : parts.join("\n");
}

/** Passes output on as text, up to a cap. */
function shownOutput({ onOutput }: ToolContext) {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  let characters = 0;
  const pass = (stream: "stdout" | "stderr", text: string): void => {
    if (text === "" || characters > shownCharactersMax) return;
    characters += text.length;
    const isOver = characters > shownCharactersMax;
    onOutput(stream, isOver ? `${text}\n[more output is not shown]\n` : text);
  };
  return {
    show: (stream: "stdout" | "stderr", chunk: Uint8Array): void =>
      pass(stream, decoders[stream].decode(chunk, { stream: true })),
    end: (): void => {
      pass("stdout", decoders.stdout.decode());
      pass("stderr", decoders.stderr.decode());
    },
  };
}
