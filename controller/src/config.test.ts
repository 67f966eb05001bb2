import { describe, expect, test } from "vitest";
import { loadControllerConfig } from "./config.ts";

const home = { AGENTVINE_HOME: "/tmp/agentvine-config-test" };
const modelOf = (environment: Record<string, string>) =>
  loadControllerConfig({ ...home, ...environment }).model;

describe("the controller's configuration", () => {
  test("has no model unless one is named or a key is there", () => {
    expect(modelOf({})).toBeNull();
    expect(modelOf({ ANTHROPIC_API_KEY: "k" })).toMatchObject({ apiKey: "k", isScripted: false });
    expect(modelOf({ ANTHROPIC_API_KEY: "k" })?.model).toMatch(/^anthropic\//);
    expect(modelOf({ OPENAI_API_KEY: "k" })?.model).toMatch(/^openai\//);
    expect(modelOf({ AGENTVINE_MODEL: "ollama/small" })).toMatchObject({ model: "ollama/small" });
  });

  test.each([
    [{ AGENTVINE_MODEL: "anthropic/x" }, "ANTHROPIC_API_KEY"],
    [{ AGENTVINE_MODEL: "scripted/demo" }, "AGENTVINE_MODEL_BASE_URL"],
    [{ AGENTVINE_MODEL: "openai-compatible/x" }, "AGENTVINE_MODEL_BASE_URL"],
  ])("says what a model lacks", (environment, name) => {
    expect(() => modelOf(environment)).toThrow(name);
  });

  test("names what is wrong", () => {
    expect(() => modelOf({ AGENTVINE_CONTROLLER_CONCURRENCY: "0" })).toThrow(
      "AGENTVINE_CONTROLLER_CONCURRENCY",
    );
    expect(() => modelOf({ AGENTVINE_MODEL: "nobody/x" })).toThrow("provider/name");
  });
});
