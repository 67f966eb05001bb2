import type { Usage } from "@agentvine/contracts";
import { type ModelSettings, parseModelName } from "@agentvine/kit";
import { addUsage, costUsd, modelFaultOf, noUsage, resolveModel, tokensOf } from "@agentvine/model";
import type { LanguageModelV3FunctionTool, LanguageModelV3Message } from "@ai-sdk/provider";
import { z } from "zod";
import { jsonOf, type ModelAnswer, modelAnswerSchema, readAnswer } from "./answer.ts";
import { type Reply, readReply } from "./read-reply.ts";

/** What came of asking the model. It never throws: what went wrong is a reason to ask a person. */
export type Asked =
  | { readonly kind: "answer"; readonly answer: ModelAnswer; readonly usage: Usage }
  | {
      readonly kind: "no_answer";
      /** `bad_reply`: it answered, but not as asked. `failed`: it could not be asked. */
      readonly cause: "bad_reply" | "refused" | "failed";
      readonly reason: string;
      readonly usage: Usage;
    };

export type AskModel = (system: string, question: string, signal: AbortSignal) => Promise<Asked>;

const outputTokensMax = 4_000;
/** The model gets one chance to mend a reply that can't be read. */
const repliesMax = 2;

const tool: LanguageModelV3FunctionTool = {
  type: "function",
  name: "answer",
  description: "Gives the answer, once.",
  inputSchema: z.toJSONSchema(modelAnswerSchema, {
    io: "input",
  }) as LanguageModelV3FunctionTool["inputSchema"],
};

/** What the model called the tool with, else the JSON it wrote instead; undefined when it wrote prose. */
function givenBy({ call, text }: Reply): unknown {
  return jsonOf(call ?? text);
}

/** Ends after which there is nothing to read. */
const endings: Partial<
  Record<Reply["finishReason"]["unified"], { cause: "refused" | "bad_reply"; reason: string }>
> = {
  "content-filter": { cause: "refused", reason: "the model refused to answer" },
  length: { cause: "bad_reply", reason: "the model's answer was cut off" },
};

/** Tells the model what was wrong with its reply. */
const mend = (reply: Reply, complaint: string): LanguageModelV3Message[] => [
  { role: "assistant", content: [{ type: "text", text: reply.text || "(no text)" }] },
  {
    role: "user",
    content: [{ type: "text", text: `That can't be read: ${complaint}. Call the tool "answer", once.` }],
  },
];

/** Asks a model for one structured answer. @param silenceMsMax a model that is silent for so long counts as dead */
export function createModelAsker(settings: ModelSettings, silenceMsMax: number): AskModel {
  const name = parseModelName(settings.model);
  const model = resolveModel(settings, name);

  const usageOf = ({ usage }: Reply): Usage => {
    const tokens = tokensOf(usage);
    return { ...tokens, costUsd: costUsd(name, tokens) };
  };

  /** One reply, or why there is none. */
  async function generate(messages: LanguageModelV3Message[], signal: AbortSignal): Promise<Reply | string> {
    try {
      const call = { prompt: messages, tools: [tool], toolChoice: { type: "required" as const } };
      return await readReply(model, { ...call, maxOutputTokens: outputTokensMax }, { silenceMsMax, signal });
    } catch (error) {
      return signal.aborted ? "the model did not answer in time" : modelFaultOf(error).reason;
    }
  }

  return async (system, question, signal) => {
    let usage = noUsage;
    const messages: LanguageModelV3Message[] = [
      { role: "system", content: system },
      { role: "user", content: [{ type: "text", text: question }] },
    ];
    let complaint = "";
    for (let replies = 1; replies <= repliesMax; replies += 1) {
      const reply = await generate(messages, signal);
      if (typeof reply === "string") return { kind: "no_answer", cause: "failed", reason: reply, usage };
      usage = addUsage(usage, usageOf(reply));
      const end = endings[reply.finishReason.unified];
      if (end !== undefined) return { kind: "no_answer", ...end, usage };
      const read = readAnswer(givenBy(reply));
      if (read.kind === "answer") return { ...read, usage };
      complaint = read.complaint;
      messages.push(...mend(reply, complaint));
    }
    const reason = `the model's reply was not what was asked for (${complaint})`;
    return { kind: "no_answer", cause: "bad_reply", reason: reason.slice(0, 500), usage };
  };
}
