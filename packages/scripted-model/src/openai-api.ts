import { z } from "zod";
import { modelName } from "./answer.ts";
import {
  halvesOf,
  InvalidRequest,
  type ParsedRequest,
  replyTokens,
  tokensOf,
  wordsOf,
} from "./anthropic-api.ts";
import { ConversationBuilder, type ToolCall } from "./conversation.ts";
import type { Reply } from "./script.ts";

const textContent = z
  .union([z.string(), z.array(z.looseObject({ type: z.literal("text"), text: z.string() }))])
  .transform((content) =>
    typeof content === "string" ? content : content.map((part) => part.text).join("\n"),
  );
const toolCallSchema = z.object({
  id: z.string().min(1),
  type: z.literal("function"),
  function: z.object({ name: z.string().min(1), arguments: z.string() }),
});
const messageSchema = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer"]), content: textContent }),
  z.object({ role: z.literal("user"), content: textContent }),
  z.object({
    role: z.literal("assistant"),
    content: textContent.nullish(),
    tool_calls: z.array(toolCallSchema).default([]),
  }),
  z.object({ role: z.literal("tool"), tool_call_id: z.string(), content: textContent }),
]);
const requestSchema = z.object({
  model: z.string().min(1),
  stream: z.boolean().default(false),
  messages: z.array(messageSchema).min(1),
});

/**
 * Reads a chat completions request as strictly as the real API: each tool call needs its tool message.
 * @throws InvalidRequest
 */
export function parseOpenaiRequest(body: unknown): ParsedRequest {
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) throw new InvalidRequest(z.prettifyError(parsed.error));
  const builder = new ConversationBuilder();
  const system: string[] = [];
  let open = new Set<string>();
  for (const message of parsed.data.messages) {
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id)) throw new InvalidRequest("a tool message answers no tool call");
      // The protocol has no error flag: a failed tool says so in its text.
      builder.addResult(message.tool_call_id, message.content, /^Error: /.test(message.content));
      continue;
    }
    refuseOpenCalls(open);
    if (message.role === "assistant") {
      const calls = message.tool_calls.map(readCall);
      open = new Set(calls.map((call) => call.id));
      builder.addAnswer(message.content ?? "", calls);
    } else if (message.role === "user") builder.addInstruction(message.content);
    else system.push(message.content);
  }
  refuseOpenCalls(open);
  return {
    conversation: builder.build(system.join("\n")),
    isStreaming: parsed.data.stream,
    inputTokens: tokensOf(JSON.stringify(parsed.data.messages)),
  };
}

function refuseOpenCalls(open: ReadonlySet<string>): void {
  if (open.size > 0)
    throw new InvalidRequest("tool calls must be followed by tool messages for each of them");
}

function readCall(call: z.infer<typeof toolCallSchema>): ToolCall {
  try {
    const input: unknown = JSON.parse(call.function.arguments);
    return { id: call.id, name: call.function.name, input: z.record(z.string(), z.unknown()).parse(input) };
  } catch (error) {
    throw new InvalidRequest(`the arguments of ${call.function.name} are no JSON object`, { cause: error });
  }
}

const finishReasonOf = (reply: Reply): string => {
  if (reply.stop === "refusal") return "content_filter";
  if (reply.stop === "max_tokens") return "length";
  return (reply.calls?.length ?? 0) > 0 ? "tool_calls" : "stop";
};

function callsOf(reply: Reply, idPrefix: string) {
  return (reply.calls ?? []).map((call, index) => ({
    index,
    id: `call_${idPrefix}_${index}`,
    type: "function",
    function: { name: call.name, arguments: reply.rawInput ?? JSON.stringify(call.input) },
  }));
}

const usageOf = (reply: Reply, inputTokens: number) => {
  const outputTokens = replyTokens(reply);
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
};

/** The reply as one JSON completion. */
export function openaiCompletion(reply: Reply, idPrefix: string, inputTokens: number) {
  const calls = callsOf(reply, idPrefix);
  return {
    id: `chatcmpl-${idPrefix}`,
    object: "chat.completion",
    created: 0,
    model: modelName,
    choices: [
      {
        index: 0,
        finish_reason: finishReasonOf(reply),
        message: {
          role: "assistant",
          content: reply.text ?? null,
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
      },
    ],
    usage: usageOf(reply, inputTokens),
  };
}

/** The reply as the chunks of a streamed completion. */
export function* openaiEvents(reply: Reply, idPrefix: string, inputTokens: number): Generator<string> {
  const chunk = (data: object) =>
    `data: ${JSON.stringify({ id: `chatcmpl-${idPrefix}`, object: "chat.completion.chunk", created: 0, model: modelName, ...data })}\n\n`;
  const choice = (delta: object, finishReason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason: finishReason }] });
  yield choice({ role: "assistant", content: "" });
  for (const word of wordsOf(reply.text ?? "")) yield choice({ content: word });
  for (const call of callsOf(reply, idPrefix)) {
    yield choice({ tool_calls: [{ ...call, function: { name: call.function.name, arguments: "" } }] });
    for (const part of halvesOf(call.function.arguments)) {
      yield choice({ tool_calls: [{ index: call.index, function: { arguments: part } }] });
    }
  }
  yield choice({}, finishReasonOf(reply));
  yield chunk({ choices: [], usage: usageOf(reply, inputTokens) });
  yield "data: [DONE]\n\n";
}
