import { linkSignals } from "@agentvine/client";
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3StreamPart,
} from "@ai-sdk/provider";
import { BrokenStreamError } from "./model-fault.ts";

export interface StreamWatch {
  /** How long it may be silent after this part, in milliseconds; undefined: before the first. */
  readonly silenceMsMaxAfter: (part: LanguageModelV3StreamPart | undefined) => number;
  readonly onPart: (part: LanguageModelV3StreamPart) => void;
  readonly signal: AbortSignal;
}

/**
 * Asks a model and reads its answer part by part, to the end. A model that falls silent is given up.
 * @throws whatever the provider or `onPart` throws, BrokenStreamError when it was silent for too long, or the signal's reason
 */
export async function readModelStream(
  model: LanguageModelV3,
  call: LanguageModelV3CallOptions,
  { silenceMsMaxAfter, onPart, signal }: StreamWatch,
): Promise<void> {
  const silent = new AbortController();
  using linked = linkSignals(signal, silent.signal);
  const wait = (ms: number) =>
    setTimeout(() => silent.abort(new BrokenStreamError(`nothing came for ${Math.round(ms / 1000)} s`)), ms);
  let timer = wait(silenceMsMaxAfter(undefined));
  try {
    const { stream } = await model.doStream({ ...call, abortSignal: linked.signal });
    const reader = stream.getReader();
    // A cancelled reader ends a read that waits, whatever the provider's fetch makes of the signal.
    linked.signal.addEventListener("abort", () => void reader.cancel().catch(() => undefined), {
      once: true,
    });
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(timer);
      timer = wait(silenceMsMaxAfter(part.value));
      onPart(part.value);
    }
    linked.signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    throw silent.signal.aborted ? silent.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}
