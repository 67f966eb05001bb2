import { coerceError, newId, type sleep as realSleep } from "@agentvine/kit";
import type { z } from "zod";
import type { AgentEvent, AgentServices, Hear } from "../../agents/agent-driver.ts";
import { answerWords, optionsOf } from "../../agents/answer-words.ts";
import type { RelayCall, RelayReply } from "../../relay/relay-protocol.ts";
import {
  askControllerInput,
  createSubtaskInput,
  explainInput,
  getContextInput,
  type RelayTool,
  relayTools,
  reportProgressInput,
} from "../../relay/relay-tools.ts";
import type { Step, SteppedQuestions } from "./stepped-questions.ts";

export interface RelayCallsOptions {
  readonly questions: Pick<SteppedQuestions, "ask" | "comeBack">;
  readonly services: AgentServices;
  /** What people wrote meanwhile: each reply brings it along. */
  readonly hear: Hear;
  readonly sleep: typeof realSleep;
  /** Told of each call as of any tool of the agent. */
  readonly onEvent: (event: AgentEvent) => void;
}

const good = (text: string, data: Record<string, unknown> | null = null): RelayReply => ({
  ...{ isError: false, text, data },
});
const bad = (text: string): RelayReply => ({ isError: true, text, data: null });

/** A reply that is ready waits no longer for what people wrote: the relay gives up on it five seconds after its own time. */
const hearMsMax = 3_000;

/** Answers what comes through the socket. The returned function never throws. */
export const createRelayCalls = (options: RelayCallsOptions) => {
  const { questions, services, onEvent } = options;
  const runs: Record<keyof typeof relayTools, (input: unknown) => Promise<RelayReply>> = {
    ask_controller: checked(relayTools.ask_controller, askControllerInput, async (input) => {
      const { question, kind, options, context = "", ticket } = input;
      if (ticket !== undefined) return stepReply(await questions.comeBack(ticket));
      const asked = { kind, text: question ?? "", reason: context };
      return stepReply(
        await questions.ask(options === undefined ? asked : { ...asked, options: optionsOf(options) }),
      );
    }),
    get_context: checked(relayTools.get_context, getContextInput, ({ query, document, offset }) =>
      document === undefined
        ? services.getContext(query)
        : services.readDocument({ documentId: document, offset }),
    ),
    report_progress: checked(relayTools.report_progress, reportProgressInput, (report) =>
      services.reportProgress(report),
    ),
    create_subtask: checked(relayTools.create_subtask, createSubtaskInput, (fields) =>
      services.createSubtask(fields),
    ),
  };

  const answer = async ({ tool, arguments: input }: RelayCall): Promise<RelayReply> => {
    if (!isTool(tool)) {
      const known = Object.keys(relayTools).join(", ");
      return bad(`There is no tool ${JSON.stringify(tool)}; the tools are ${known}.`);
    }
    try {
      return await runs[tool](input);
    } catch (error) {
      return bad(coerceError(error).message);
    }
  };

  return async (call: RelayCall, signal: AbortSignal): Promise<RelayReply> => {
    const id = `relay-${newId()}`;
    const name = isTool(call.tool) ? call.tool : "unknown tool";
    onEvent({ type: "tool.started", id, name, toolClass: "read", summary: summaryOf(call), ruleId: null });
    const reply = await answer(call);
    const summary = reply.text.split("\n", 1)[0]?.slice(0, 200) ?? "";
    onEvent({ type: "tool.ended", id, isError: reply.isError, summary });
    return withMessages(reply, await heardInTime(options, signal));
  };
};

/** What people wrote, unless it takes too long or nobody waits for the reply any more: then it is heard another time. */
const heardInTime = async (
  { hear, sleep }: Pick<RelayCallsOptions, "hear" | "sleep">,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const enough = new AbortController();
  let isLate = false;
  const late = sleep(hearMsMax, enough.signal).then(
    () => {
      isLate = true;
      return [];
    },
    () => [],
  );
  const heard = await Promise.race([hear(() => !isLate && !signal.aborted), late]);
  enough.abort();
  return heard;
};

/** Some agents read the text of a reply, some its data. */
const withMessages = ({ isError, text, data }: RelayReply, messages: readonly string[]): RelayReply =>
  messages.length === 0
    ? { isError, text, data }
    : { isError, text: [text, ...messages].join("\n\n"), data: data === null ? null : { ...data, messages } };

const isTool = (name: string): name is keyof typeof relayTools => Object.hasOwn(relayTools, name);

const summaryOf = ({ arguments: input }: RelayCall): string => {
  const { question, ticket, document, query, message, title } = input;
  const text = [question, ticket, document, query, message, title].find((value) => typeof value === "string");
  return typeof text === "string" ? text.slice(0, 200) : "";
};

const checked =
  <S extends z.ZodType>(
    { name }: RelayTool,
    schema: S,
    run: (input: z.output<S>) => Promise<RelayReply>,
  ): ((input: unknown) => Promise<RelayReply>) =>
  async (input) => {
    const parsed = schema.safeParse(input);
    return parsed.success ? await run(parsed.data) : bad(explainInput(name, parsed.error));
  };

const stepReply = (step: Step): RelayReply => {
  switch (step.kind) {
    case "unknown_ticket":
      return bad(
        "There is no such ticket in this turn. Ask the question again: it is the same one, and answered if somebody answered.",
      );
    case "too_many":
      return bad("Too many questions are open. Wait for their answers, or end your turn.");
    case "pending":
      return pendingReply(step);
    case "settled":
      return settledReply(step.answer);
  }
};

const pendingReply = ({ ticket, isOver }: Extract<Step, { kind: "pending" }>): RelayReply =>
  isOver
    ? good(
        "Nobody has answered in the time you can wait. Keep what you have done and end your turn now: you are called again with the answer, and go on from there.",
        { status: "pending", pending: true, ticket, endTurn: true },
      )
    : good(`Nobody has answered yet. Call ask_controller with only {"ticket":"${ticket}"} to wait on.`, {
        ...{ status: "pending", pending: true, ticket, endTurn: false },
      });

const settledReply = (answer: Extract<Step, { kind: "settled" }>["answer"]): RelayReply => {
  switch (answer.kind) {
    case "answered":
      return good(answerWords(answer), {
        ...{ status: "answered", answer: answer.text, by: answer.by },
      });
    case "denied":
      return good(answerWords(answer), { status: "denied", reason: answer.reason });
    case "no_answer":
      return good(answerWords(answer), { status: "no_answer", reason: answer.reason });
    case "allowed":
      return bad(`${answer.by} allowed something nobody asked to do.`);
  }
};
