import { endpoints } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { durationText } from "../output/duration.ts";
import { taskDetails } from "../output/task-view.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId } from "./task-id.ts";

/** `task show <id>`: the task and its executions. */
export const taskShow = async ({ client, output, json }: ClientContext, given: string): Promise<number> => {
  const taskId = await resolveTaskId(client, given);
  const [task, executions] = await Promise.all([
    client.call(endpoints.tasks.get, { params: { taskId } }),
    client.call(endpoints.executions.list, { query: { taskId, pageSize: 20 } }),
  ]);
  if (json) {
    output.json({ ...task, executions: executions.items });
    return exitCodes.ok;
  }
  output.line(taskDetails(task, output));
  for (const execution of executions.items.toReversed()) {
    const took =
      execution.durationSeconds === null ? "" : `, ${durationText(execution.durationSeconds * 1_000)}`;
    const how = [
      execution.agent,
      execution.isScripted ? "scripted: says nothing about model quality" : "",
      execution.kind === "run" && execution.sandbox === "none" ? "no sandbox" : "",
    ].filter((part) => part !== "");
    output.line(
      `${output.colors.dim(`attempt ${execution.attempt}`.padEnd(13))}${execution.kind} ${execution.status}${took}${how.length === 0 ? "" : ` (${how.join(", ")})`}`,
    );
  }
  return exitCodes.ok;
};
