import { type Usage, usageSchema } from "@agentvine/contracts";
import { noUsage } from "@agentvine/model";
import { z } from "zod";
import type { Transcript } from "../agent-driver.ts";
import {
  callsOf,
  isAside,
  type Message,
  nudgeMessage,
  resultsOf,
  textOf,
  toolResult,
  userMessage,
} from "./message.ts";
import { waitingText } from "./tools/ask-controller.tool.ts";

const messageSchema = z.discriminatedUnion("role", [
  z.looseObject({ role: z.literal("user"), content: z.array(z.looseObject({ type: z.string() })) }),
  z.looseObject({ role: z.literal("assistant"), content: z.array(z.looseObject({ type: z.string() })) }),
  z.looseObject({ role: z.literal("tool"), content: z.array(z.looseObject({ type: z.string() })) }),
]);
const messagesSchema = z.custom<Message[]>((value) => z.array(messageSchema).safeParse(value).success);

const interrupted =
  "this call was interrupted before its result was known. It may have happened: look before you repeat it.";

/** Where a turn begins. */
export type TakenUp =
  /** The model is to be asked. */
  | { readonly kind: "open"; readonly messages: Message[]; readonly usage: Usage }
  /** This instruction was already answered: the execution died after its end. */
  | {
      readonly kind: "finished";
      readonly summary: string;
      readonly messages: Message[];
      readonly usage: Usage;
    };

/**
 * The messages a turn begins with. The instruction is added unless the transcript's last instruction is the same: then the
 * turn was cut off and goes on. A transcript that can't be read, or of another driver, is left out: the turn starts over.
 */
export function takeUp(transcript: Transcript | undefined, instruction: string): TakenUp {
  const parsed = messagesSchema.safeParse(transcript?.driver === "builtin" ? transcript.messages : []);
  const messages = closePending(parsed.success ? parsed.data : []);
  const usage = usageSchema.safeParse(transcript?.usage).data ?? noUsage;
  const last = messages.at(-1);
  const lastInstruction = messages.findLast((message) => message.role === "user" && !isAside(message));
  if (lastInstruction === undefined || textOf(lastInstruction) !== instruction) {
    return { kind: "open", messages: [...messages, userMessage(instruction)], usage };
  }
  if (last?.role === "assistant") return { kind: "finished", summary: textOf(last), messages, usage };
  // The turn ended to wait, and the execution before the wait was on record.
  if (last !== undefined && isWaiting(last)) messages.push(nudgeMessage(askAgain));
  return { kind: "open", messages, usage };
}

const askAgain = "No answer has come here yet. Make the call that waits again, exactly as it was.";

const isWaiting = (message: Message): boolean =>
  resultsOf(message).some(({ output }) => output.type === "text" && output.value.startsWith(waitingText));

/** Gives each tool call without a result one that says it was interrupted, and drops results without a call. */
function closePending(messages: readonly Message[]): Message[] {
  const closed: Message[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") continue;
    closed.push(message);
    const calls = callsOf(message);
    if (calls.length === 0) continue;
    const next = messages[index + 1];
    const results = next === undefined ? [] : resultsOf(next);
    const content = calls.map(
      (call) =>
        results.find((result) => result.toolCallId === call.toolCallId) ??
        toolResult(call, interrupted, true),
    );
    closed.push({ role: "tool", content });
  }
  return closed;
}
