import { AppError, type ModelName, parseModelName } from "@agentvine/kit";
import type { AgentDriver } from "./agent-driver.ts";
import { createCommandDriver } from "./command/command-driver.ts";
import type { BuiltinDriverConfig, DriverConfig } from "./driver-config.ts";

/**
 * The agent driver for a configuration. Model code is loaded when the first turn begins, not before.
 * @throws AppError `config.invalid` or `model.not_configured`
 */
export function createDriver(config: DriverConfig): AgentDriver {
  return config.driver === "command" ? createCommandDriver(config) : createBuiltin(config);
}

function createBuiltin(config: BuiltinDriverConfig): AgentDriver {
  const model = parseModelName(config.model);
  refuseIncomplete(config, model);
  return {
    name: "builtin",
    label: config.model,
    isScripted: model.provider === "scripted",
    run: async (input) => {
      const { runBuiltinTurn } = await import("./builtin/builtin-turn.ts");
      return await runBuiltinTurn(config, model, input);
    },
  };
}

function refuseIncomplete(config: BuiltinDriverConfig, { provider }: ModelName): void {
  const needsKey = provider === "anthropic" || provider === "openai";
  if (needsKey && (config.apiKey ?? "") === "") {
    throw new AppError("model.not_configured", `${config.model} needs an API key`);
  }
  const needsAddress = provider === "openai-compatible" || provider === "scripted";
  if (needsAddress && (config.baseUrl ?? "") === "") {
    throw new AppError("model.not_configured", `${config.model} needs a base URL`);
  }
  if (config.baseUrl !== undefined && !URL.canParse(config.baseUrl)) {
    throw new AppError("config.invalid", `the base URL of the model is no address: ${config.baseUrl}`);
  }
}
