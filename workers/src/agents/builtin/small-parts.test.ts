import { parseModelName } from "@agentvine/kit";
import { addUsage, contextTokensOf, costUsd, modelFaultOf, noUsage, totalTokens } from "@agentvine/model";
import { describe, expect, test } from "vitest";
import { createDriver } from "../index.ts";
import { createSecretRedactor } from "../secret-redactor.ts";
import { LoopGuard } from "./loop-guard.ts";

const tokens = (count: number) => ({
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
});

describe("the name of a model", () => {
  test("is provider and name, and the name may hold slashes", () => {
    expect(parseModelName("openai-compatible/org/model")).toEqual({
      provider: "openai-compatible",
      name: "org/model",
    });
    expect(contextTokensOf(parseModelName("ollama/qwen"))).toBe(32_000);
  });

  test.each(["", "claude", "anthropic/", "anthropic/ ", "nobody/model", "/x"])("%j is refused", (name) => {
    expect(() => parseModelName(name)).toThrow(/provider\/name/);
  });
});

describe("making a driver", () => {
  test.each([
    [{ model: "anthropic/claude" }, "model.not_configured"],
    [{ model: "openai/gpt-5", apiKey: "" }, "model.not_configured"],
    [{ model: "scripted/demo" }, "model.not_configured"],
    [{ model: "openai-compatible/x" }, "model.not_configured"],
    [{ model: "ollama/x", baseUrl: "not an address" }, "config.invalid"],
    [{ model: "nope" }, "config.invalid"],
  ])("from %j is refused as %s", (config, code) => {
    expect(() => createDriver({ driver: "builtin", ...config })).toThrow(expect.objectContaining({ code }));
  });

  test("says what runs and whether it is scripted", () => {
    expect(createDriver({ driver: "builtin", model: "ollama/qwen" })).toMatchObject({
      name: "builtin",
      label: "ollama/qwen",
      isScripted: false,
    });
    expect(createDriver({ driver: "command", argv: ["./agent.sh"] })).toMatchObject({ label: "./agent.sh" });
    expect(createDriver({ driver: "command", argv: ["x"], label: "my agent" })).toMatchObject({
      label: "my agent",
    });
  });
});

describe("what tokens cost", () => {
  test.each([
    ["anthropic/claude-sonnet-4-5-20250929", 3 + 15 + 0.3 + 3.75],
    ["anthropic/claude-opus-4-5", 5 + 25 + 0.5 + 6.25],
    ["anthropic/claude-sonnet-5-5", 2 + 10 + 0.1 + 2.5],
    ["openai/gpt-5.5", 5 + 30 + 0.5 + 5],
    ["openai/gpt-5-mini", 0.25 + 2 + 0.025 + 0.25],
    ["anthropic/claude-unheard-of", null],
    ["openai/gpt-5.9", null],
    ["scripted/demo", null],
    ["ollama/gpt-5", null],
  ])("%s: %j dollars for a million of each", (name, dollars) => {
    const cost = costUsd(parseModelName(name), tokens(1_000_000));
    if (dollars === null) expect(cost).toBeNull();
    else expect(cost).toBeCloseTo(dollars, 9);
  });

  test("adds up, and is unknown as soon as one part is", () => {
    const known = { ...tokens(1), costUsd: 0.5 };
    expect(addUsage(noUsage, known)).toEqual(known);
    expect(addUsage(known, known)).toMatchObject({ inputTokens: 2, costUsd: 1 });
    expect(addUsage(known, { ...tokens(1), costUsd: null }).costUsd).toBeNull();
    expect(addUsage(noUsage, noUsage)).toEqual(noUsage);
    expect(totalTokens(known)).toBe(4);
  });
});

describe("the loop guard", () => {
  const look = { name: "read_file", input: { path: "a" }, result: "1", isChange: false };
  const write = { name: "write_file", input: { path: "a" }, result: "written", isChange: true };

  test("counts the same call with the same result; numbers in it do not matter", () => {
    const guard = new LoopGuard();
    expect([1, 2, 3].map((run) => guard.note({ ...look, result: `took ${run} ms` }))).toEqual([1, 2, 3]);
    expect(guard.note({ ...look, result: "something else" })).toBe(1);
    expect(guard.note({ ...look, input: { path: "b" } })).toBe(1);
  });

  test("begins anew after a change, but never forgets changes", () => {
    const guard = new LoopGuard();
    expect([look, look, write, look, write, look, write].map((each) => guard.note(each))).toEqual([
      1, 2, 1, 1, 2, 1, 3,
    ]);
  });
});

describe("the secret redactor", () => {
  const secret = "sk-0123456789";

  test("finds a secret in texts, values and across the pieces of a stream", () => {
    const redactor = createSecretRedactor([undefined, secret]);
    expect(redactor.text(`a ${secret} b ${secret}`)).toBe("a [redacted] b [redacted]");
    expect(redactor.value({ list: [`x${secret}`], n: 1 })).toEqual({ list: ["x[redacted]"], n: 1 });
    const stream = redactor.stream();
    const pieces = ["a sk", "-01234", "56789 b sk", "-no", " s"].map((piece) => stream.push(piece));
    expect([...pieces, stream.flush()].join("")).toBe("a [redacted] b sk-no s");
    expect(stream.flush()).toBe("");
  });

  test("leaves short words and values without secrets alone", () => {
    const redactor = createSecretRedactor(["ollama", ""]);
    const value = { text: "ollama" };
    expect(redactor.value(value)).toBe(value);
    expect(redactor.text("ollama")).toBe("ollama");
    expect(createSecretRedactor([secret]).value(value)).toBe(value);
  });
});

describe("what an error of a model call means", () => {
  test.each([
    [{ type: "overloaded_error", message: "Overloaded" }, /broke off: Overloaded/],
    [new TypeError("terminated"), /broke off: terminated/],
    ["just text", /broke off: just text/],
    [undefined, /broke off: unknown failure/],
    [{ error: { code: 1 } }, /unknown failure/],
  ])("%j is worth another try", (error, reason) => {
    expect(modelFaultOf(error)).toEqual({ kind: "transient", reason: expect.stringMatching(reason) });
  });
});
