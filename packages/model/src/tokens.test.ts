import { expect, test } from "vitest";
import { tokensOf } from "./tokens.ts";

const outputTokens = { total: 7, text: 7, reasoning: 0 };

test("tokens of the cache are counted once, whether or not the provider tells the rest apart", () => {
  const told = { total: 100, noCache: 30, cacheRead: 60, cacheWrite: 10 };
  const expected = { inputTokens: 30, outputTokens: 7, cacheReadTokens: 60, cacheWriteTokens: 10 };
  expect(tokensOf({ inputTokens: told, outputTokens })).toEqual(expected);
  expect(tokensOf({ inputTokens: { ...told, noCache: undefined }, outputTokens })).toEqual(expected);
});

test("what is not reported counts as none", () => {
  const unknown = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined };
  expect(
    tokensOf({
      inputTokens: unknown,
      outputTokens: { total: undefined, text: undefined, reasoning: undefined },
    }),
  ).toEqual({ inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 });
});
