import { coerceError, deferred } from "@agentvine/kit";
import type {
  AgentServices,
  AgentTurnInput,
  Answer,
  Desk,
  Question,
  ServiceReply,
  Spent,
  ToolCallFields,
} from "../../agent-driver.ts";
import type { SecretRedactor } from "../../secret-redactor.ts";
import type { ToolCallPart } from "../message.ts";
import { approveCall } from "./approve-call.ts";
import { failed, type PreparedCall, type Tool, type ToolContext, type ToolOutcome } from "./tool.ts";
import { toolsOf } from "./toolbox.ts";

export interface ToolRunner {
  readonly input: AgentTurnInput;
  readonly commandTimeoutMs: number;
  readonly redactor: SecretRedactor;
  /** What the agent said before its calls. */
  readonly words: string;
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
    malformed === undefined
      ? prepare(call, contextOf(runner, live.push), toolsOf(input))
      : notJson(call, malformed);
  const { toolClass, summary } =
    typeof prepared === "string" ? ({ toolClass: "read", summary: "not understood" } as const) : prepared;
  input.onEvent({
    type: "tool.started",
    id: call.toolCallId,
    name: call.toolName,
    toolClass,
    summary: redactor.text(summary),
    ruleId: needsNoLeave(call) ? null : (input.ruleFor(toolClass) ?? null),
  });
  const outcome =
    typeof prepared === "string" ? failed(prepared) : await approveAndRun(prepared, call, runner, live.push);
  live.end();
  const clean = { ...outcome, text: redactor.text(outcome.text), summary: redactor.text(outcome.summary) };
  input.onEvent({
    type: "tool.ended",
    id: call.toolCallId,
    isError: clean.isError,
    summary: clean.summary,
  });
  const hasEffects =
    typeof prepared !== "string" && (toolClass !== "read" || tellsSomething.has(call.toolName));
  return { ...clean, hasEffects, isNonsense: typeof prepared === "string" };
}

function prepare(call: ToolCallPart, context: ToolContext, tools: readonly Tool[]): PreparedCall | string {
  const tool = tools.find((candidate) => candidate.name === call.toolName);
  if (tool === undefined) {
    return `there is no tool ${call.toolName}; the tools are ${tools.map(({ name }) => name).join(", ")}`;
  }
  return tool.prepare(call.input, context);
}

const notJson = (call: ToolCallPart, received: string): string =>
  `the input of ${call.toolName} is no JSON object; it begins with ${JSON.stringify(received.slice(0, 200))}. If it was cut off, do it in smaller pieces`;

function contextOf(
  { input, commandTimeoutMs, redactor, words }: ToolRunner,
  onOutput: ToolContext["onOutput"],
): ToolContext {
  return {
    sandbox: input.sandbox,
    testCommand: input.testCommand ?? null,
    commandTimeoutMs,
    signal: input.signal,
    ask: async (question) => redactor.value(await deskUntilAborted(input, redactor).ask(question)),
    words,
    services: cleanServices(input, redactor),
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

/** What people were told should not be told twice. */
const tellsSomething = new Set(["report_plan", "create_subtask"]);

/** To speak with people needs nobody's leave; what is proposed to them runs only if they want it. */
const withoutLeave = new Set([
  "ask_controller",
  "report_plan",
  "report_progress",
  "get_context",
  "create_subtask",
]);
const needsNoLeave = ({ toolName }: ToolCallPart): boolean => withoutLeave.has(toolName);

async function approveAndRun(
  prepared: PreparedCall,
  call: ToolCallPart,
  runner: ToolRunner,
  onOutput: ToolContext["onOutput"],
): Promise<ToolOutcome> {
  const { input } = runner;
  try {
    if (needsNoLeave(call) || input.ruleFor(prepared.toolClass) !== undefined) return await prepared.run();
    // The tools for files never leave the workspace: there is nothing anybody could allow.
    if (prepared.command === null && prepared.toolClass === "outside_workspace")
      return failed(`${prepared.paths.join(", ")} is outside the repository`);
    const approved = await approveCall({
      call: prepared,
      desk: deskUntilAborted(input, runner.redactor),
      words: runner.words,
      withCommand: (command) => {
        const changed = { ...call, input: { ...prepared.arguments, command } };
        return prepare(changed, contextOf(runner, onOutput), toolsOf(input));
      },
    });
    if (approved.kind === "not_run") return approved.outcome;
    input.signal.throwIfAborted();
    const outcome = await approved.call.run();
    return { ...outcome, text: approved.note + outcome.text };
  } catch (error) {
    return failed(coerceError(error).message);
  }
}

/** People may take hours: a turn that is cut off does not wait for them. The driver's own secrets go to nobody. */
function deskUntilAborted(
  { desk, signal }: AgentTurnInput,
  redactor: SecretRedactor,
): Pick<Desk, "ask" | "spend"> {
  const cutOff = "the turn was cut off";
  return {
    ask: (question: Question) =>
      orAborted<Answer>(signal, () => desk.ask(redactor.value(question)), {
        kind: "no_answer",
        reason: cutOff,
      }),
    spend: (requestId: string, call: ToolCallFields) =>
      orAborted<Spent>(signal, () => desk.spend(requestId, redactor.value(call)), {
        isSpent: false,
        reason: cutOff,
      }),
  };
}

/** The driver's own secrets go to nobody this way either. */
function cleanServices({ services, signal }: AgentTurnInput, redactor: SecretRedactor): AgentServices {
  const cutOff: ServiceReply<never> = { isError: true, text: "the turn was cut off", data: null };
  const guarded = <Data>(work: () => Promise<ServiceReply<Data>>): Promise<ServiceReply<Data>> =>
    orAborted(signal, work, cutOff);
  return {
    getContext: (query) => guarded(() => services.getContext(redactor.text(query))),
    readDocument: (wanted) => guarded(() => services.readDocument(wanted)),
    reportProgress: (report) => guarded(() => services.reportProgress(redactor.value(report))),
    createSubtask: (fields) => guarded(() => services.createSubtask(redactor.value(fields))),
  };
}

async function orAborted<T>(signal: AbortSignal, work: () => Promise<T>, instead: T): Promise<T> {
  if (signal.aborted) return instead;
  const aborted = deferred<T>();
  const stop = (): void => aborted.resolve(instead);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
