import { AppError, type Lifecycle } from "@agentvine/kit";
import { startScriptedModel } from "@agentvine/scripted-model";
import type { CommandContext } from "../commands/command.ts";
import { bareEnvironment, workerEnvironment } from "../processes/child-environment.ts";

const scriptedLabel = "scripted model: says nothing about model quality";

/** What agents and controller think with. */
export interface DemoModel {
  readonly label: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface DemoModelFlags {
  /** `provider/name` of a real model; needs a sandbox or acceptNoSandbox. */
  readonly model?: string;
  readonly acceptNoSandbox?: boolean;
}

/** The scripted model, unless a real one is asked for. @throws AppError `sandbox.unavailable` */
export const demoModel = async (
  { config }: CommandContext,
  flags: DemoModelFlags,
  lifecycle: Lifecycle,
): Promise<DemoModel> => {
  if (flags.model === undefined) {
    const scripted = await startScriptedModel({ delayMs: 60 });
    lifecycle.add("scripted model", () => scripted.close());
    // The scripted model is told apart by its name; keys of the environment never reach these processes.
    return {
      label: scriptedLabel,
      env: {
        ...bareEnvironment(config.environment),
        AGENTVINE_MODEL: "scripted/demo",
        AGENTVINE_MODEL_BASE_URL: scripted.baseUrl,
        AGENTVINE_WORKER_SANDBOX: "none",
        AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
      },
    };
  }
  if (flags.acceptNoSandbox !== true) {
    const remedy =
      "a real model needs a sandbox, and none is available yet: add --accept-no-sandbox on a machine you can lose";
    throw new AppError("sandbox.unavailable", remedy);
  }
  return {
    label: `${flags.model}, without a sandbox`,
    env: {
      ...workerEnvironment(config.environment),
      AGENTVINE_MODEL: flags.model,
      AGENTVINE_WORKER_SANDBOX: "none",
      AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
    },
  };
};
