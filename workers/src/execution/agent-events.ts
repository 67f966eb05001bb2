import type { AgentEvent } from "../agents/agent-driver.ts";
import type { ExecutionContext } from "./execution-context.ts";

/** Writes what the agent does into the log and reports it. The returned function never throws. */
export const createEventWriter = ({
  log,
  progress,
}: Pick<ExecutionContext, "log" | "progress">): ((event: AgentEvent) => void) => {
  const names = new Map<string, string>();
  return (event) => {
    switch (event.type) {
      case "step.started":
        return log.say("agent", "debug", `step ${event.step}`);
      case "message":
        return log.say("agent", "info", event.text);
      case "heard":
        return log.say("agent", "info", `${event.from} wrote: ${event.text}`);
      case "plan":
        progress.plan(event.steps);
        return log.say("agent", "info", `plan:\n${event.steps.map((step) => `- ${step}`).join("\n")}`);
      case "tool.started":
        names.set(event.id, event.name);
        return log.say("tool", "info", `${event.name}: ${event.summary}`, {
          toolClass: event.toolClass,
          ...(event.ruleId === null ? {} : { ruleId: event.ruleId }),
        });
      case "tool.output":
        return log.write("tool", event.stream, event.text);
      case "tool.ended": {
        const name = names.get(event.id) ?? "tool";
        names.delete(event.id);
        log.endLine("tool", "stdout");
        log.endLine("tool", "stderr");
        progress.tool(name, event.summary, event.isError);
        return log.say("tool", event.isError ? "warn" : "info", `${name}: ${event.summary}`);
      }
      case "model.retried": {
        const detail = `the model did not answer (${event.reason}); try ${event.attempt} in ${Math.ceil(event.delayMs / 1_000)} s`;
        progress.model(detail);
        return log.say("agent", "warn", detail);
      }
      case "context.trimmed":
        return log.say("agent", "info", `${event.droppedMessages} older messages were shortened or dropped`);
      case "usage":
        return;
    }
  };
};
