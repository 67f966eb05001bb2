import type { LanguageModelV3, LanguageModelV3StreamPart } from "@ai-sdk/provider";
import { describe, expect, test } from "vitest";
import { withoutReasoning } from "./context-window.ts";
import { userMessage } from "./message.ts";
import { callModel } from "./model-call.ts";

const usage = {
  inputTokens: { total: 10, noCache: undefined, cacheRead: 4, cacheWrite: undefined },
  outputTokens: { total: 3, text: 3, reasoning: undefined },
};
const finish: LanguageModelV3StreamPart = {
  type: "finish",
  usage,
  finishReason: { unified: "stop", raw: "end" },
};

/** A model whose stream is given. */
const modelOf = (parts: readonly LanguageModelV3StreamPart[]): LanguageModelV3 => ({
  specificationVersion: "v3",
  provider: "test",
  modelId: "test",
  supportedUrls: {},
  doGenerate: () => Promise.reject(new Error("only streams")),
  doStream: async () => ({
    stream: new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    }),
  }),
});

const ask = (...parts: LanguageModelV3StreamPart[]) =>
  callModel({
    model: modelOf(parts),
    system: "",
    messages: [userMessage("x")],
    tools: [],
    streamIdleMs: 5_000,
    signal: new AbortController().signal,
  });

const signed = (signature: string) => ({ providerMetadata: { anthropic: { signature } } });

describe("reading an answer", () => {
  test("keeps reasoning with its signature, so that it can be sent back; and can leave it out", async () => {
    const { message, text } = await ask(
      { type: "stream-start", warnings: [] },
      { type: "reasoning-start", id: "0", providerMetadata: { anthropic: { kind: "thinking" } } },
      { type: "reasoning-delta", id: "0", delta: "hm" },
      { type: "reasoning-delta", id: "0", delta: "", ...signed("s1") },
      { type: "reasoning-end", id: "0" },
      { type: "text-start", id: "0" },
      { type: "text-delta", id: "0", delta: "Well." },
      { type: "text-end", id: "0" },
      { type: "text-delta", id: "9", delta: "of no block" },
      finish,
    );
    expect(text).toBe("Well.");
    expect(message?.content).toEqual([
      {
        type: "reasoning",
        text: "hm",
        providerOptions: { anthropic: { kind: "thinking", signature: "s1" } },
      },
      { type: "text", text: "Well." },
    ]);
    expect(withoutReasoning(message === null ? [] : [message])).toEqual([
      { role: "assistant", content: [{ type: "text", text: "Well." }] },
    ]);
  });

  test("tells calls of one id apart, and counts tokens once", async () => {
    const call = { type: "tool-call", toolCallId: "call_0", toolName: "look", input: "" } as const;
    const answer = await ask(call, { ...call, ...signed("s2"), input: '"x"' }, finish);
    expect(answer.calls).toEqual([
      { type: "tool-call", toolCallId: "call_0", toolName: "look", input: {} },
      {
        type: "tool-call",
        toolCallId: "call_0_",
        toolName: "look",
        input: {},
        providerOptions: { anthropic: { signature: "s2" } },
      },
    ]);
    expect([...answer.malformed]).toEqual([["call_0_", '"x"']]);
    expect(answer.usage).toEqual({
      inputTokens: 6,
      outputTokens: 3,
      cacheReadTokens: 4,
      cacheWriteTokens: 0,
    });
  });

  test("is nothing when there is only reasoning or white space", async () => {
    const answer = await ask(
      { type: "reasoning-start", id: "0" },
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: " \n" },
      finish,
    );
    expect([answer.message, answer.text]).toEqual([null, ""]);
  });

  test("fails when the stream ends too early or says so", async () => {
    await expect(ask({ type: "text-start", id: "0" })).rejects.toThrow(
      "ended before the answer was complete",
    );
    await expect(ask({ type: "error", error: new Error("overloaded") })).rejects.toThrow("overloaded");
  });
});
