import type { CommandResult } from "../../sandbox/sandbox.ts";
import type {
  AgentDriver,
  AgentEvent,
  AgentOutcome,
  AgentTurnInput,
  AgentTurnResult,
  Relay,
} from "../agent-driver.ts";
import type { CommandDriverConfig } from "../driver-config.ts";
import { HeardMessages } from "../heard-messages.ts";
import { abortedOutcome } from "../turn-abort.ts";

const timeoutMsDefault = 30 * 60_000;
const fileCommandTimeoutMs = 10_000;
const outputBytesMax = 64 * 1024;
const summaryCharactersMax = 2_000;

// The prompt lies beside the workspace, not in it: it must not end up in the diff. $TMPDIR is private to the execution.
const storePrompt =
  'umask 077 && file=$(mktemp "$' +
  '{TMPDIR:-/tmp}/agentvine-prompt.XXXXXX") && cat > "$file" && printf %s "$file"';

/**
 * Runs any command line that edits the workspace. It has no memory: a further turn runs it again with all instructions so
 * far, and an execution that is taken up starts over.
 */
export function createCommandDriver(config: CommandDriverConfig): AgentDriver {
  return {
    name: "command",
    label: config.label ?? config.argv[0],
    isScripted: false,
    run: (input) => runCommandTurn(config, input),
  };
}

async function runCommandTurn(config: CommandDriverConfig, input: AgentTurnInput): Promise<AgentTurnResult> {
  const heard = new HeardMessages(input);
  const told = (await heard.next()).map((text) => `A person wrote to you meanwhile:\n\n${text}`);
  const before = instructionsSoFar(input);
  // Last stands the instruction of this turn, by which a repeated turn is known.
  const instructions = [...before.slice(0, -1), ...told, ...before.slice(-1)];
  const ended = await runOnce(config, input, [input.system, ...instructions].join("\n\n"));
  // A command can't wait for long: it ends, and runs again with the answers.
  const requestIds = input.desk.openRequests();
  const outcome: AgentOutcome =
    ended.kind === "finished" && requestIds.length > 0 ? { kind: "parked", requestIds } : ended;
  const step = (input.transcript?.step ?? 0) + 1;
  if (outcome.kind !== "cancelled" && outcome.kind !== "timed_out") {
    await input.onCheckpoint({
      driver: "command",
      step,
      messages: instructions,
      heardThrough: heard.through,
    });
  }
  return { outcome, usage: null, steps: 1, toolCalls: 1, modelRetries: 0 };
}

/** A turn that is repeated after a crash brings the instruction the transcript already ends with. */
function instructionsSoFar({ instruction, transcript }: AgentTurnInput): string[] {
  const earlier = (transcript?.messages ?? []).filter((message) => typeof message === "string");
  return earlier.at(-1) === instruction ? earlier : [...earlier, instruction];
}

async function runOnce(
  config: CommandDriverConfig,
  input: AgentTurnInput,
  prompt: string,
): Promise<AgentOutcome> {
  const { sandbox, signal } = input;
  if (signal.aborted) return abortedOutcome(signal);
  const stored = await sandbox.run({
    argv: ["sh", "-c", storePrompt],
    stdin: prompt,
    timeoutMs: fileCommandTimeoutMs,
    outputBytesMax,
  });
  const promptFile = stored.stdout.trim();
  if (stored.exitCode !== 0 || promptFile === "") {
    return {
      kind: "failed",
      reason: `the prompt could not be stored for the command: ${stored.stderr.trim()}`,
    };
  }
  const relay = await input.openRelay();
  try {
    return outcomeOf(await runCommand(config, input, { promptFile, relay }), config, signal);
  } finally {
    // Before anybody looks at what the command left, or at what it has asked.
    await relay?.close();
    await sandbox.run({ argv: ["rm", "-f", promptFile], timeoutMs: fileCommandTimeoutMs, outputBytesMax });
  }
}

async function runCommand(
  config: CommandDriverConfig,
  { sandbox, signal, onEvent }: AgentTurnInput,
  { promptFile, relay }: { readonly promptFile: string; readonly relay: Relay | null },
): Promise<CommandResult> {
  const [program, ...rest] = config.argv.map((part) =>
    part
      .replaceAll("{promptFile}", promptFile)
      .replaceAll("{mcpConfigFile}", relay?.configPath ?? "/dev/null"),
  );
  const id = "command";
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const show = (stream: "stdout" | "stderr", text: string): void => {
    if (text !== "") onEvent({ type: "tool.output", id, stream, text });
  };
  onEvent({ type: "step.started", step: 1 });
  onEvent({
    type: "tool.started",
    id,
    name: "command",
    toolClass: "command",
    summary: config.argv.join(" "),
    ruleId: null,
  });
  const result = await sandbox.run({
    argv: [program ?? "", ...rest],
    env: { ...config.env, AGENTVINE_PROMPT_FILE: promptFile, ...relayEnvironment(relay) },
    timeoutMs: config.timeoutMs ?? timeoutMsDefault,
    ...(config.graceMs === undefined ? {} : { graceMs: config.graceMs }),
    outputBytesMax,
    signal,
    onOutput: (stream, chunk) => show(stream, decoders[stream].decode(chunk, { stream: true })),
  });
  show("stdout", decoders.stdout.decode());
  show("stderr", decoders.stderr.decode());
  onEvent({
    type: "tool.ended",
    id,
    isError: result.exitCode !== 0,
    summary: endOf(result),
  } satisfies AgentEvent);
  return result;
}

/** How the command finds the MCP server: as a configuration file, or as an argv in JSON. */
const relayEnvironment = (relay: Relay | null): Record<string, string> =>
  relay === null
    ? {}
    : {
        AGENTVINE_MCP_CONFIG: relay.configPath,
        AGENTVINE_MCP_SERVER: JSON.stringify([relay.server.command, ...relay.server.args]),
      };

function outcomeOf(result: CommandResult, config: CommandDriverConfig, signal: AbortSignal): AgentOutcome {
  if (signal.aborted) return abortedOutcome(signal);
  if (result.endedBy === "exit" && result.exitCode === 0) {
    return {
      kind: "finished",
      summary: result.stdout.trim().slice(-summaryCharactersMax) || "the command ended",
    };
  }
  const lastWords = (result.stderr.trim() || result.stdout.trim()).slice(-summaryCharactersMax);
  const reason = `${config.label ?? config.argv[0]}: ${endOf(result)}`;
  return { kind: "failed", reason: lastWords === "" ? reason : `${reason}: ${lastWords}` };
}

function endOf(result: CommandResult): string {
  const seconds = (result.durationMs / 1000).toFixed(1);
  const ends: Record<CommandResult["endedBy"], string> = {
    exit: `exit code ${result.exitCode}`,
    signal: "killed by a signal",
    timeout: `did not end within ${seconds} s`,
    output_limit: "printed too much and was killed",
    abort: "was stopped",
    spawn_error: "could not be started",
  };
  return ends[result.endedBy];
}
