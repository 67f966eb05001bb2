import { coerceError, deferred } from "@agentvine/kit";
import type { AgentTurnInput, Answer } from "../../agent-driver.ts";
import type { SecretRedactor } from "../../secret-redactor.ts";
import type { ToolCallPart } from "../message.ts";
import { failed, type PreparedCall, type ToolContext, type ToolOutcome } from "./tool.ts";
import { toolbox } from "./toolbox.ts";

export interface ToolRunner {
  readonly input: AgentTurnInput;
  readonly commandTimeoutMs: number;
  readonly redactor: SecretRedactor;
}

export interface ToolCallResult extends ToolOutcome {
  /** It may have changed something, in the workspace or beyond. */
  readonly hasEffects: boolean;
  /** The call could not be understood at all. */
  readonly isNonsense: boolean;
}

/** Runs one tool call of the model: understood, approved, run, reported. Whatever goes wrong becomes its result. */
export async function runToolCall(
  call: ToolCallPart,
  malformed: string | undefined,
  runner: ToolRunner,
): Promise<ToolCallResult> {
  const { input, redactor } = runner;
  const live = liveOutput(call, runner);
  const prepared =
    malformed === undefined ? prepare(call, contextOf(runner, live.push)) : notJson(call, malformed);
  const { toolClass, summary } =
    typeof prepared === "string" ? ({ toolClass: "read", summary: "not understood" } as const) : prepared;
  input.onEvent({
    type: "tool.started",
    id: call.toolCallId,
    name: call.toolName,
    toolClass,
    summary: redactor.text(summary),
  });
  const outcome =
    typeof prepared === "string" ? failed(prepared) : await approveAndRun(prepared, call, input);
  live.end();
  const clean = { ...outcome, text: redactor.text(outcome.text), summary: redactor.text(outcome.summary) };
  input.onEvent({
    type: "tool.ended",
    id: call.toolCallId,
    isError: clean.isError,
    summary: clean.summary,
  });
  const hasEffects =
    typeof prepared !== "string" && (toolClass !== "read" || call.toolName === "report_plan");
  return { ...clean, hasEffects, isNonsense: typeof prepared === "string" };
}

function prepare(call: ToolCallPart, context: ToolContext): PreparedCall | string {
  const tool = toolbox.find((candidate) => candidate.name === call.toolName);
  if (tool === undefined) {
    return `there is no tool ${call.toolName}; the tools are ${toolbox.map(({ name }) => name).join(", ")}`;
  }
  return tool.prepare(call.input, context);
}

const notJson = (call: ToolCallPart, received: string): string =>
  `the input of ${call.toolName} is no JSON object; it begins with ${JSON.stringify(received.slice(0, 200))}. If it was cut off, do it in smaller pieces`;

function contextOf(
  { input, commandTimeoutMs, redactor }: ToolRunner,
  onOutput: ToolContext["onOutput"],
): ToolContext {
  return {
    sandbox: input.sandbox,
    testCommand: input.testCommand ?? null,
    commandTimeoutMs,
    signal: input.signal,
    ask: async (question) => redactor.value(await askUntilAborted(input, question)),
    onPlan: (steps) => input.onEvent({ type: "plan", steps: redactor.value(steps) }),
    onOutput,
  };
}

/** Output on its way to people; secrets are found across the borders of its pieces. */
function liveOutput({ toolCallId: id }: ToolCallPart, { input, redactor }: ToolRunner) {
  const streams = { stdout: redactor.stream(), stderr: redactor.stream() };
  const show = (stream: "stdout" | "stderr", text: string): void => {
    if (text !== "") input.onEvent({ type: "tool.output", id, stream, text });
  };
  return {
    push: (stream: "stdout" | "stderr", text: string): void => show(stream, streams[stream].push(text)),
    end: (): void => {
      show("stdout", streams.stdout.flush());
      show("stderr", streams.stderr.flush());
    },
  };
}

async function approveAndRun(
  prepared: PreparedCall,
  call: ToolCallPart,
  input: AgentTurnInput,
): Promise<ToolOutcome> {
  try {
    const refusal = await refusalOf(prepared, call, input);
    return refusal ?? (await prepared.run());
  } catch (error) {
    return failed(coerceError(error).message);
  }
}

/** People may take hours: a turn that is cut off does not wait for them. */
async function askUntilAborted(
  { ask, signal }: AgentTurnInput,
  question: Parameters<AgentTurnInput["ask"]>[0],
): Promise<Answer> {
  const aborted = deferred<Answer>();
  const stop = (): void => aborted.resolve({ kind: "no_answer", reason: "the turn was cut off" });
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([ask(question), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Asks for a call whose class is not allowed beforehand; anything but a plain "allow" leaves it undone. */
async function refusalOf(
  { toolClass, summary }: PreparedCall,
  call: ToolCallPart,
  input: AgentTurnInput,
): Promise<ToolOutcome | undefined> {
  // To speak with people needs nobody's leave.
  if (call.toolName === "ask_controller" || call.toolName === "report_plan" || input.isPreAllowed(toolClass))
    return;
  const answer = await askUntilAborted(input, {
    kind: "approval",
    text: `${call.toolName} (${toolClass.replaceAll("_", " ")}): ${summary}`,
    options: ["allow", "deny"],
  });
  if (answer.kind === "answered" && answer.text === "allow") return;
  const why = {
    answered: () => "it was not allowed",
    denied: (reason: string) => `it was denied: ${reason}`,
    no_answer: (reason: string) => `nobody allowed it (no answer: ${reason})`,
  };
  const reason = "reason" in answer ? answer.reason : "";
  return failed(`not run, ${why[answer.kind](reason)}. Find another way or go on without it`, "not allowed");
}
