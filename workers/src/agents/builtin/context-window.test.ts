import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conversationCharacters, trimConversation } from "./context-window.ts";
import { callsOf, type Message, resultsOf, textOf, toolResult, userMessage } from "./message.ts";

const text = fc.integer({ min: 0, max: 3_000 }).map((length) => "word ".repeat(length / 5));

interface Exchange {
  readonly said: string;
  readonly calls: readonly { readonly input: string; readonly output: string; readonly isError: boolean }[];
  readonly instruction: string | null;
}

const exchange: fc.Arbitrary<Exchange> = fc.record({
  said: text,
  calls: fc.array(fc.record({ input: text, output: text, isError: fc.boolean() }), { maxLength: 3 }),
  instruction: fc.option(fc.string({ minLength: 1, maxLength: 30 }), { freq: 4 }),
});

function conversationOf(exchanges: readonly Exchange[]): Message[] {
  const messages: Message[] = [userMessage("Mend it")];
  for (const [index, { said, calls, instruction }] of exchanges.entries()) {
    const parts = calls.map((call, at) => ({
      type: "tool-call" as const,
      toolCallId: `${index}-${at}`,
      toolName: "write_file",
      input: { path: "a.txt", content: call.input },
    }));
    messages.push({ role: "assistant", content: [{ type: "text", text: said }, ...parts] });
    if (parts.length > 0) {
      const results = parts.map((part, at) =>
        toolResult(part, calls[at]?.output ?? "", calls[at]?.isError ?? false),
      );
      messages.push({ role: "tool", content: results });
    }
    if (instruction !== null) messages.push(userMessage(instruction));
  }
  return messages;
}

const instructionsOf = (messages: readonly Message[]): string[] =>
  messages.filter(({ role }) => role === "user").map(textOf);

describe("trimming a conversation", () => {
  test("keeps it one a provider accepts: calls and results are paired, instructions are all there", () => {
    fc.assert(
      fc.property(
        fc.array(exchange, { maxLength: 12 }),
        fc.integer({ min: 0, max: 60_000 }),
        (exchanges, max) => {
          const before = conversationOf(exchanges);
          const { messages, droppedMessages } = trimConversation(before, max);
          for (const [index, message] of messages.entries()) {
            const next = messages[index + 1];
            const ids = callsOf(message).map(({ toolCallId }) => toolCallId);
            if (ids.length > 0) {
              expect(next === undefined ? [] : resultsOf(next).map(({ toolCallId }) => toolCallId)).toEqual(
                ids,
              );
            }
            if (message.role === "tool")
              expect(callsOf(messages[index - 1] ?? message).length).toBeGreaterThan(0);
          }
          expect(instructionsOf(messages)).toEqual(instructionsOf(before));
          expect(messages.filter(({ role }) => role === "assistant").at(-1)).toEqual(
            before.filter(({ role }) => role === "assistant").at(-1),
          );
          expect(conversationCharacters(messages)).toBeLessThanOrEqual(conversationCharacters(before));
          if (conversationCharacters(before) <= max) {
            expect(messages).toEqual(before);
            expect(droppedMessages).toBe(0);
          }
        },
      ),
    );
  });

  test("shortens the oldest outputs first, with a mark, and leaves the newest as they are", () => {
    const big = "x".repeat(2_000);
    const before = conversationOf(
      Array.from({ length: 6 }, () => ({
        said: "on",
        calls: [{ input: "short", output: big, isError: false }],
        instruction: null,
      })),
    );
    const { messages, droppedMessages } = trimConversation(before, conversationCharacters(before) - 2_500);
    const outputs = messages
      .flatMap(resultsOf)
      .map(({ output }) => ("value" in output ? String(output.value) : ""));
    expect(droppedMessages).toBe(2);
    expect(outputs.map((output) => output.length < 500)).toEqual([true, true, false, false, false, false]);
    expect(outputs[0]).toContain("1700 characters were left out to save room");
  });

  test("shortens what old calls wrote, and drops whole exchanges when that is not enough", () => {
    const before = conversationOf(
      Array.from({ length: 8 }, () => ({
        said: "on",
        calls: [{ input: "y".repeat(2_000), output: "ok", isError: false }],
        instruction: null,
      })),
    );
    const shortened = trimConversation(before, conversationCharacters(before) - 6_000);
    expect(shortened.messages).toHaveLength(before.length);
    expect(JSON.stringify(shortened.messages[1])).toContain("1700 characters were left out");

    const dropped = trimConversation(before, 1_000);
    expect(dropped.messages).toHaveLength(1 + 3 * 2);
    expect(dropped.messages.slice(1)).toEqual(before.slice(-6));
  });
});
