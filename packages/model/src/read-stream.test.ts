import type { LanguageModelV3, LanguageModelV3StreamPart } from "@ai-sdk/provider";
import { describe, expect, test } from "vitest";
import { BrokenStreamError } from "./model-fault.ts";
import { readModelStream } from "./read-stream.ts";

const parts: LanguageModelV3StreamPart[] = [
  { type: "stream-start", warnings: [] },
  { type: "text-start", id: "0" },
  { type: "text-delta", id: "0", delta: "Well" },
];

/** A model that says these parts, and then ends or says nothing more. */
const modelOf = (said: readonly LanguageModelV3StreamPart[], ends: boolean): LanguageModelV3 => ({
  ...{ specificationVersion: "v3", provider: "test", modelId: "test", supportedUrls: {} },
  doGenerate: () => Promise.reject(new Error("only streams")),
  doStream: async () => ({
    stream: new ReadableStream({
      start(controller) {
        for (const part of said) controller.enqueue(part);
        if (ends) controller.close();
      },
    }),
  }),
});

const read = async (model: LanguageModelV3, silenceMsMax: (type: string | undefined) => number) => {
  const seen: string[] = [];
  const reading = readModelStream(
    model,
    { prompt: [] },
    {
      silenceMsMaxAfter: (part) => silenceMsMax(part?.type),
      onPart: ({ type }) => seen.push(type),
      signal: new AbortController().signal,
    },
  );
  return { error: await reading.catch((error: unknown) => error), seen };
};

describe("reading a model's stream", () => {
  test("tells every part, in order, to the end", async () => {
    const { error, seen } = await read(modelOf(parts, true), () => 60_000);
    expect([error, seen]).toEqual([undefined, ["stream-start", "text-start", "text-delta"]]);
  });

  test("gives up a model that falls silent, after the time that its last part allows", async () => {
    const { error, seen } = await read(modelOf(parts, false), (type) =>
      type === "text-delta" ? 20 : 60_000,
    );
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(seen).toHaveLength(3);
  });

  test("gives up a model that does not even begin", async () => {
    const silent = {
      ...modelOf([], false),
      doStream: ({ abortSignal }: { abortSignal?: AbortSignal }) =>
        new Promise<never>((_resolve, reject) =>
          abortSignal?.addEventListener("abort", () => reject(new Error("cut"))),
        ),
    };
    expect((await read(silent, (type) => (type === undefined ? 20 : 60_000))).error).toBeInstanceOf(
      BrokenStreamError,
    );
  });
});
