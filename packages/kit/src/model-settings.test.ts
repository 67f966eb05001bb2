import { expect, test } from "vitest";
import { readModelSettings } from "./model-settings.ts";

const missing = { code: "model.not_configured" };

test("a key alone brings the usual model of its provider, Anthropic's first", () => {
  expect(readModelSettings({})).toBeNull();
  expect(readModelSettings({ OPENAI_API_KEY: "o" })).toMatchObject({ model: "openai/gpt-5.5", apiKey: "o" });
  expect(readModelSettings({ OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a" })).toEqual({
    model: "anthropic/claude-sonnet-5-5",
    apiKey: "a",
    baseUrl: undefined,
    isScripted: false,
  });
});

test("a key of AgentVine's own goes before the provider's", () => {
  const values = {
    AGENTVINE_MODEL: "openai/gpt-5",
    AGENTVINE_MODEL_API_KEY: "ours",
    OPENAI_API_KEY: "theirs",
  };
  expect(readModelSettings(values)).toMatchObject({ model: "openai/gpt-5", apiKey: "ours" });
});

test("a model without the key or the address it needs is refused, and the variable is named", () => {
  const read = (model: string) => () => readModelSettings({ AGENTVINE_MODEL: model });
  expect(read("anthropic/claude")).toThrow(expect.objectContaining(missing));
  expect(read("anthropic/claude")).toThrow("ANTHROPIC_API_KEY");
  expect(read("scripted/demo")).toThrow(expect.objectContaining(missing));
  expect(read("openai-compatible/x")).toThrow("AGENTVINE_MODEL_BASE_URL");
  expect(read("ollama/qwen")()).toMatchObject({ model: "ollama/qwen", isScripted: false });
});
