import type {
  LanguageModelV3Message,
  LanguageModelV3ToolCallPart,
  LanguageModelV3ToolResultPart,
} from "@ai-sdk/provider";
import { heardMark } from "../heard-messages.ts";

/** One message of the conversation with the model; plain JSON. */
export type Message = Exclude<LanguageModelV3Message, { role: "system" }>;
export type UserMessage = Extract<Message, { role: "user" }>;
export type AssistantMessage = Extract<Message, { role: "assistant" }>;
export type ToolCallPart = LanguageModelV3ToolCallPart;
export type ToolResultPart = LanguageModelV3ToolResultPart;

export const userMessage = (text: string): UserMessage => ({
  role: "user",
  content: [{ type: "text", text }],
});

const nudgeMark = "[from the agent's own loop] ";

/** A word to the model that is no instruction of the task. */
export const nudgeMessage = (text: string): UserMessage => userMessage(nudgeMark + text);

/** True of what is no instruction of the task: the loop's own words, and what people write meanwhile. */
export const isAside = (message: Message): boolean =>
  [nudgeMark, heardMark].some((mark) => textOf(message).startsWith(mark));

export const callsOf = (message: Message): ToolCallPart[] =>
  message.role === "assistant"
    ? message.content.filter((part): part is ToolCallPart => part.type === "tool-call")
    : [];

export const resultsOf = (message: Message): ToolResultPart[] =>
  message.role === "tool"
    ? message.content.filter((part): part is ToolResultPart => part.type === "tool-result")
    : [];

/** The texts of a message of the user or the model. */
export const textOf = (message: Message): string =>
  message.role === "tool"
    ? ""
    : message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");

/** The result of a tool call as the model gets it. A failed one says so in its text too: not every protocol has a flag. */
export const toolResult = (call: ToolCallPart, text: string, isError: boolean): ToolResultPart => ({
  type: "tool-result",
  toolCallId: call.toolCallId,
  toolName: call.toolName,
  output: isError
    ? { type: "error-text", value: text.startsWith("Error: ") ? text : `Error: ${text}` }
    : { type: "text", value: text },
});
