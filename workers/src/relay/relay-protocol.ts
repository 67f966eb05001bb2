import { z } from "zod";

/**
 * What the relay beside an agent and the executor say to each other over a Unix socket: one JSON document a line. Neither side trusts
 * the other: every message is checked, every line is bounded.
 */

/** A line may have so many bytes, in both directions. */
export const lineBytesMax = 2 * 1024 * 1024;

/** The executor answers a call within this time, whatever happens: agents cut their tool calls at 60 s. */
export const answerMsMax = 45_000;

const callIdSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const toExecutorSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("call"),
    /** Chosen by the relay, once per connection. */
    id: callIdSchema,
    tool: z.string().min(1).max(100),
    arguments: z.record(z.string(), z.unknown()),
  }),
  /** Nobody waits for the call's answer any more. */
  z.object({ type: z.literal("cancel"), id: callIdSchema }),
  /** The agent has asked for the list of tools. */
  z.object({ type: z.literal("listed") }),
]);

export const toRelaySchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("result"),
    id: callIdSchema,
    isError: z.boolean(),
    /** For the agent's model. */
    text: z.string(),
    /** The same for a program; null when there is nothing to add. */
    data: z.record(z.string(), z.unknown()).nullable(),
  }),
  /** A line that was no message, or came where none is taken. */
  z.object({ type: z.literal("refused"), reason: z.string() }),
  /** The agent's turn is over: the relay ends. */
  z.object({ type: z.literal("bye") }),
]);

export type ToExecutor = z.infer<typeof toExecutorSchema>;
export type ToRelay = z.infer<typeof toRelaySchema>;
export type RelayCall = Pick<Extract<ToExecutor, { type: "call" }>, "tool" | "arguments">;
export type RelayReply = Pick<Extract<ToRelay, { type: "result" }>, "isError" | "text" | "data">;

/** The message as a line. */
export const toLine = (message: ToExecutor | ToRelay): string => `${JSON.stringify(message)}\n`;
