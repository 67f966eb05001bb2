import { z } from "zod";
import { modelName } from "./answer.ts";
import { type Conversation, ConversationBuilder } from "./conversation.ts";
import type { Reply } from "./script.ts";

const textBlock = z.object({ type: z.literal("text"), text: z.string().min(1) });
const toolUseBlock = z.object({
  type: z.literal("tool_use"),
  id: z.string().min(1),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()),
});
/** A text alone is short for one text block. */
const asBlocks = (text: string) => (text === "" ? [] : [{ type: "text" as const, text }]);
const toolResultBlock = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: z.union([z.string().transform(asBlocks), z.array(textBlock)]).default([]),
  is_error: z.boolean().default(false),
});
const userBlocks = z.union([
  z.string().min(1).transform(asBlocks),
  z.array(z.discriminatedUnion("type", [textBlock, toolResultBlock])).min(1),
]);
const assistantBlocks = z.union([
  z.string().min(1).transform(asBlocks),
  z.array(z.discriminatedUnion("type", [textBlock, toolUseBlock])).min(1),
]);
const messageSchema = z.discriminatedUnion("role", [
  z.object({ role: z.literal("user"), content: userBlocks }),
  z.object({ role: z.literal("assistant"), content: assistantBlocks }),
]);
const requestSchema = z.object({
  model: z.string().min(1),
  max_tokens: z.number().int().min(1),
  stream: z.boolean().default(false),
  system: z.union([z.string(), z.array(textBlock)]).default(""),
  messages: z.array(messageSchema).min(1),
  tools: z.array(z.looseObject({ name: z.string() })).default([]),
});

type UserBlocks = z.infer<typeof userBlocks>;
type AssistantBlocks = z.infer<typeof assistantBlocks>;

/** A request the real API would refuse with 400. */
export class InvalidRequest extends Error {}

export interface ParsedRequest {
  readonly conversation: Conversation;
  readonly isStreaming: boolean;
  readonly inputTokens: number;
}

/**
 * Reads a request as strictly as the real API: answers and tool results must be paired.
 * @throws InvalidRequest
 */
export function parseAnthropicRequest(body: unknown): ParsedRequest {
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) throw new InvalidRequest(z.prettifyError(parsed.error));
  const { messages, system, stream } = parsed.data;
  if (messages[0]?.role !== "user")
    throw new InvalidRequest("messages: the first message must be the user's");
  const builder = new ConversationBuilder();
  let open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "assistant") {
      refuseOpenCalls(open, index);
      open = addAnswer(builder, message.content);
    } else addUserMessage(builder, message.content, open, index);
  }
  refuseOpenCalls(open, messages.length);
  return {
    conversation: builder.build(
      typeof system === "string" ? system : system.map((block) => block.text).join("\n"),
    ),
    isStreaming: stream,
    inputTokens: tokensOf(JSON.stringify(messages) + JSON.stringify(system)),
  };
}

function refuseOpenCalls(open: ReadonlySet<string>, index: number): void {
  if (open.size > 0) {
    throw new InvalidRequest(
      `messages.${index}: tool_use ids were found without tool_result blocks immediately after: ${[...open].join(", ")}`,
    );
  }
}

function addAnswer(builder: ConversationBuilder, blocks: AssistantBlocks): Set<string> {
  const calls = blocks.flatMap((block) => (block.type === "tool_use" ? [block] : []));
  const ids = new Set(calls.map((call) => call.id));
  if (ids.size < calls.length) throw new InvalidRequest("messages: tool_use ids must be unique");
  builder.addAnswer(textOf(blocks), calls);
  return ids;
}

function addUserMessage(
  builder: ConversationBuilder,
  blocks: UserBlocks,
  open: Set<string>,
  index: number,
): void {
  for (const block of blocks) {
    if (block.type !== "tool_result") continue;
    if (!open.delete(block.tool_use_id)) {
      throw new InvalidRequest(
        `messages.${index}: unexpected tool_use_id in tool_result: ${block.tool_use_id}`,
      );
    }
    builder.addResult(block.tool_use_id, textOf(block.content), block.is_error);
  }
  refuseOpenCalls(open, index);
  const text = textOf(blocks);
  if (text !== "") builder.addInstruction(text);
}

const textOf = (blocks: readonly { readonly type: string; readonly text?: string }[]): string =>
  blocks.flatMap((block) => (block.type === "text" ? [block.text ?? ""] : [])).join("\n");

/** A rough count, so that usage and limits react to what is said. */
export const tokensOf = (text: string): number => Math.ceil(text.length / 4);

export const replyTokens = (reply: Reply): number =>
  tokensOf((reply.text ?? "") + JSON.stringify(reply.calls ?? []));

const stopReasonOf = (reply: Reply): string =>
  reply.stop ?? ((reply.calls?.length ?? 0) > 0 ? "tool_use" : "end_turn");

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: unknown };

function blocksOf(reply: Reply, idPrefix: string): Block[] {
  const calls = (reply.calls ?? []).map(
    (call, index): Block => ({
      type: "tool_use",
      id: `toolu_${idPrefix}_${index}`,
      name: call.name,
      input: call.input,
    }),
  );
  return reply.text === undefined || reply.text === ""
    ? calls
    : [{ type: "text", text: reply.text }, ...calls];
}

/** The reply as one JSON message. */
export function anthropicMessage(reply: Reply, idPrefix: string, inputTokens: number) {
  return {
    id: `msg_${idPrefix}`,
    type: "message",
    role: "assistant",
    model: modelName,
    content: blocksOf(reply, idPrefix),
    stop_reason: stopReasonOf(reply),
    stop_sequence: null,
    usage: { input_tokens: inputTokens, output_tokens: replyTokens(reply) },
  };
}

/** The reply as the server-sent events of the Messages API. */
export function* anthropicEvents(reply: Reply, idPrefix: string, inputTokens: number): Generator<string> {
  const event = (type: string, data: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const message = anthropicMessage(reply, idPrefix, inputTokens);
  yield event("message_start", {
    message: {
      ...message,
      content: [],
      stop_reason: null,
      usage: { input_tokens: inputTokens, output_tokens: 1 },
    },
  });
  for (const [index, block] of message.content.entries()) {
    const isText = block.type === "text";
    yield event("content_block_start", {
      index,
      content_block: isText ? { type: "text", text: "" } : { ...block, input: {} },
    });
    const parts = isText ? wordsOf(block.text) : halvesOf(reply.rawInput ?? JSON.stringify(block.input));
    for (const part of parts) {
      const delta = isText
        ? { type: "text_delta", text: part }
        : { type: "input_json_delta", partial_json: part };
      yield event("content_block_delta", { index, delta });
    }
    yield event("content_block_stop", { index });
  }
  yield event("message_delta", {
    delta: { stop_reason: message.stop_reason, stop_sequence: null },
    usage: { output_tokens: message.usage.output_tokens },
  });
  yield event("message_stop", {});
}

/** Words with the white space after them: joined they are the text again. */
export const wordsOf = (text: string): string[] => text.match(/\s*\S+\s*/g) ?? [text];

export const halvesOf = (text: string): [string, string] => {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
};
