import type { CommandResult } from "../../sandbox/sandbox.ts";
import type {
  AgentDriver,
  AgentEvent,
  AgentOutcome,
  AgentTurnInput,
  AgentTurnResult,
  Hear,
  Relay,
} from "../agent-driver.ts";
import type { CommandDriverConfig } from "../driver-config.ts";
import { HeardMessages, heardMark } from "../heard-messages.ts";
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
 * far, as does what people wrote while it ran, and an execution that is taken up starts over.
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
  const instructions = instructionsSoFar(input, await heard.next());
  let prompt = [input.system, ...instructions];
  for (let runs = 1; ; runs += 1) {
    const outcome = await runOnce(config, input, {
      prompt: prompt.join("\n\n"),
      hear: async (isWanted) => {
        const told = await heard.next(isWanted);
        // It forgets when it ends: the next run has to be told.
        instructions.push(...told);
        return told;
      },
    });
    const result = { outcome, usage: null, steps: runs, toolCalls: runs, modelRetries: 0 };
    if (outcome.kind === "cancelled" || outcome.kind === "timed_out") return result;
    await input.onCheckpoint({
      driver: "command",
      step: (input.transcript?.step ?? 0) + runs,
      messages: [...instructions],
      heardThrough: heard.through,
    });
    // Whoever wrote meanwhile is heard before the work counts as done.
    const told = outcome.kind === "finished" ? await heard.next() : [];
    if (told.length === 0) return result;
    prompt = [input.system, ...instructions, doneBefore, ...told];
    instructions.push(...told);
  }
}

const doneBefore =
  "You have worked on this, and what you did is in the working tree. Before it counts as done, hear what was written to you meanwhile: do what it asks, and leave the rest as it is.";

/** What the command was told earlier, with what people wrote. A turn that is repeated after a crash brings the instruction it had. */
function instructionsSoFar({ instruction, transcript }: AgentTurnInput, told: readonly string[]): string[] {
  const earlier = (transcript?.messages ?? []).filter((message) => typeof message === "string");
  const last = earlier.findLast((message) => !message.startsWith(heardMark));
  return last === instruction ? [...earlier, ...told] : [...earlier, ...told, instruction];
}

/** One run of the command. One that has asked and not been answered can't wait for long: it ends, and runs again with the answers. */
async function runOnce(
  config: CommandDriverConfig,
  input: AgentTurnInput,
  told: { readonly prompt: string; readonly hear: Hear },
): Promise<AgentOutcome> {
  const ended = await runWithPrompt(config, input, told);
  const requestIds = input.desk.openRequests();
  return ended.kind === "finished" && requestIds.length > 0 ? { kind: "parked", requestIds } : ended;
}

async function runWithPrompt(
  config: CommandDriverConfig,
  input: AgentTurnInput,
  { prompt, hear }: { readonly prompt: string; readonly hear: Hear },
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
  const relay = await input.openRelay(hear);
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
