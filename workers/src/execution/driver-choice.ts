import type { Claim } from "@agentvine/contracts";
import type { DriverConfig } from "../agents/driver-config.ts";
import type { ExecutorSettings } from "./executor-channel.ts";
import { failed } from "./outcome.ts";

/**
 * The agent for a task: the worker's own, which the task may ask for by name. A task that wants another one came to the wrong worker.
 * @throws ExecutionFault `infrastructure`, worth another try on another worker.
 */
export const driverConfigOf = (
  settings: Pick<ExecutorSettings, "agent" | "stopGraceMs">,
  { task, workOrder }: Pick<Claim, "task" | "workOrder">,
  modelApiKey: string | undefined,
): DriverConfig => {
  const { agent } = settings;
  if (agent === null) throw failed("infrastructure", "This worker has no agent.", { isRetryable: true });
  const wanted = task.agent;
  if (wanted.driver !== undefined && wanted.driver !== agent.driver) {
    const reason = `The task asks for the agent driver ${wanted.driver}; this worker has ${agent.driver}.`;
    throw failed("infrastructure", reason, { isRetryable: true });
  }
  if (agent.driver === "command") {
    return {
      driver: "command",
      argv: agent.argv,
      timeoutMs: workOrder.timeoutSeconds * 1_000,
      graceMs: settings.stopGraceMs,
    };
  }
  if (wanted.model !== undefined && wanted.model !== agent.model) {
    const reason = `The task asks for the model ${wanted.model}; this worker has ${agent.model}.`;
    throw failed("infrastructure", reason, { isRetryable: true });
  }
  return {
    driver: "builtin",
    model: agent.model,
    ...(agent.baseUrl === undefined ? {} : { baseUrl: agent.baseUrl }),
    ...(modelApiKey === undefined ? {} : { apiKey: modelApiKey }),
  };
};
