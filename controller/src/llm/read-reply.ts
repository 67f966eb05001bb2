import { BrokenStreamError, readModelStream } from "@agentvine/model";
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3StreamPart,
} from "@ai-sdk/provider";

type Finish = Extract<LanguageModelV3StreamPart, { type: "finish" }>;

/** One complete reply of the model. */
export interface Reply extends Pick<Finish, "finishReason" | "usage"> {
  readonly text: string;
  /** Arguments of the first call, as JSON; undefined when it called nothing. */
  readonly call: string | undefined;
}

/** Parts that come before the first word: the model has the question and thinks, for as long as its thinking time allows. */
const thinking: ReadonlySet<LanguageModelV3StreamPart["type"]> = new Set([
  "stream-start",
  "response-metadata",
  "reasoning-start",
  "reasoning-delta",
  "reasoning-end",
]);
/** The longest a timer can wait. */
const foreverMs = 2 ** 31 - 1;

/**
 * Asks the model once.
 * @param watch a model that does not take the question, or stops in the middle of its words, for `silenceMsMax` counts as dead
 * @throws as `readModelStream`
 */
export async function readReply(
  model: LanguageModelV3,
  call: LanguageModelV3CallOptions,
  { silenceMsMax, signal }: { readonly silenceMsMax: number; readonly signal: AbortSignal },
): Promise<Reply> {
  const texts: string[] = [];
  let called: string | undefined;
  let finish: Finish | undefined;
  await readModelStream(model, call, {
    silenceMsMaxAfter: (part) => (part !== undefined && thinking.has(part.type) ? foreverMs : silenceMsMax),
    onPart: (part) => {
      if (part.type === "text-delta") texts.push(part.delta);
      else if (part.type === "tool-call") called ??= part.input;
      else if (part.type === "finish") finish = part;
      else if (part.type === "error") throw part.error;
    },
    signal,
  });
  if (finish === undefined) throw new BrokenStreamError("the stream ended before the answer was complete");
  return { text: texts.join(""), call: called, finishReason: finish.finishReason, usage: finish.usage };
}
