import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { loadExecutorEnvironment, loadWorkerConfig } from "./config.ts";

describe("loadWorkerConfig", () => {
  const dir = useTempDir();
  const load = (environment: Record<string, string> = {}) =>
    loadWorkerConfig({ AGENTVINE_HOME: dir(), PATH: "/usr/bin", ...environment });
  const loadFile = async (content: string, environment: Record<string, string> = {}) => {
    const path = join(dir(), "worker.yml");
    await writeFile(path, content);
    return load({ AGENTVINE_WORKER_CONFIG: path, ...environment });
  };

  it("runs without any setting: beside a local backend, fail-closed, without an agent", () => {
    expect(load()).toMatchObject({
      serverUrl: "http://127.0.0.1:7420",
      tokenFile: join(dir(), "worker.key"),
      name: hostname(),
      slots: 1,
      taskTypes: ["feature", "bugfix", "test", "docs"],
      dataDir: join(dir(), "worker"),
      sandbox: "auto",
      isNoSandboxAccepted: false,
      agent: null,
    });
  });

  it.each([
    [{ ANTHROPIC_API_KEY: "sk-a" }, /^anthropic\//, "sk-a"],
    [{ OPENAI_API_KEY: "sk-o" }, /^openai\//, "sk-o"],
    [
      { OPENAI_API_KEY: "sk-o", AGENTVINE_MODEL: "openai/x", AGENTVINE_MODEL_API_KEY: "own" },
      /^openai\/x$/,
      "own",
    ],
    [{ AGENTVINE_MODEL: "ollama/qwen", ANTHROPIC_API_KEY: "sk-a" }, /^ollama\/qwen$/, undefined],
  ])("finds the model and only its own key in %j", (environment, model, key) => {
    const { agent, modelApiKey } = load(environment as unknown as Record<string, string>);
    expect(agent).toMatchObject({
      driver: "builtin",
      model: expect.stringMatching(model),
      isScripted: false,
    });
    expect(modelApiKey).toBe(key);
  });

  it("marks a scripted model as scripted and gives it no key it finds", () => {
    const { agent, modelApiKey } = load({
      AGENTVINE_MODEL: "scripted/demo",
      AGENTVINE_MODEL_BASE_URL: "http://127.0.0.1:1/v1",
      ANTHROPIC_API_KEY: "sk-a",
    });
    expect(agent).toMatchObject({ isScripted: true, baseUrl: "http://127.0.0.1:1/v1" });
    expect(modelApiKey).toBeUndefined();
  });

  it("takes a command as the agent", () => {
    expect(load({ AGENTVINE_WORKER_AGENT_COMMAND: "mend {promptFile}" }).agent).toEqual({
      driver: "command",
      argv: ["mend", "{promptFile}"],
      isScripted: false,
    });
  });

  it.each([
    [{ AGENTVINE_MODEL: "anthropic/x" }, "model.not_configured"],
    [{ AGENTVINE_MODEL: "openai-compatible/x" }, "model.not_configured"],
    [{ AGENTVINE_MODEL: "x" }, "config.invalid"],
    [{ AGENTVINE_WORKER_SLOTS: "0" }, "config.invalid"],
    [{ AGENTVINE_WORKER_TASK_TYPES: "docs,poetry" }, "config.invalid"],
    [{ AGENTVINE_SERVER: "ftp://x" }, "config.invalid"],
    [{ AGENTVINE_WORKER_CONFIG: "/nowhere/worker.yml" }, "config.invalid"],
  ])("refuses %j with %s", (environment, code) => {
    expect(() => load(environment as unknown as Record<string, string>)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it("reads a file, and lets the environment win over it", async () => {
    const config = await loadFile(
      "server: http://10.0.0.1:1\nslots: 3\ntaskTypes: [docs]\nsandbox: none\nacceptNoSandbox: true\nagentCommand: [a, b c]\n",
      { AGENTVINE_WORKER_SLOTS: "4" },
    );
    expect(config).toMatchObject({
      serverUrl: "http://10.0.0.1:1",
      slots: 4,
      taskTypes: ["docs"],
      sandbox: "none",
      isNoSandboxAccepted: true,
      agent: { argv: ["a", "b c"] },
    });
    expect((await loadFile("")).slots).toBe(1);
  });

  it.each(["slotz: 3", "slots: many", "{", "- a"])("names what is wrong in the file %j", async (content) => {
    await expect(loadFile(content)).rejects.toThrow(/worker\.yml can't be used/);
  });

  it("gives an executor no secret of the environment, and the key only through its own variable", () => {
    const { executorEnvironment } = load({
      ANTHROPIC_API_KEY: "sk-a",
      AGENTVINE_TOKEN: "avk_x",
      DATABASE_URL: "postgres://u:p@h/d",
      LANG: "C.UTF-8",
    });
    expect(JSON.stringify(executorEnvironment)).not.toMatch(/sk-a|avk_x|postgres/);
    expect(executorEnvironment.LANG).toBe("C.UTF-8");
    expect(loadExecutorEnvironment({ AGENTVINE_MODEL_API_KEY: "k", PATH: "/bin" }).modelApiKey).toBe("k");
    expect(loadExecutorEnvironment({ AGENTVINE_MODEL_API_KEY: "" }).modelApiKey).toBeUndefined();
  });
});
