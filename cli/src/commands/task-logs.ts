import { endpoints, type LogLevel } from "@agentvine/contracts";
import { AppError, sleep } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId } from "./task-id.ts";

/** `task logs <id>`: the log of its latest execution; `--follow` goes on until it ends. */
export const taskLogs = async (
  { client, output, json, signal }: ClientContext,
  given: string,
  flags: { level?: string; follow?: boolean },
): Promise<number> => {
  const taskId = await resolveTaskId(client, given);
  const { items } = await client.call(endpoints.executions.list, {
    query: { taskId, kind: "run", pageSize: 1 },
  });
  const [execution] = items;
  if (execution === undefined)
    throw new AppError("execution.not_found", "the task was not started yet, so it has no log");
  let after = 0;
  for (;;) {
    const level = flags.level as LogLevel | undefined;
    const page = await client.call(endpoints.executions.logs, {
      params: { executionId: execution.id },
      query: { after, limit: 1_000, ...(level === undefined ? {} : { level }) },
    });
    for (const line of page.items) {
      if (json) output.json(line);
      else
        output.line(
          `${output.colors.dim(line.loggedAt.slice(11, 19))} ${output.colors.dim(line.source.padEnd(7))} ${foreign(line.message)}`,
        );
    }
    after = page.next;
    if (page.items.length > 0) continue;
    if (flags.follow !== true || page.isComplete) return exitCodes.ok;
    if (signal.aborted) return exitCodes.interrupted;
    await sleep(500, signal).catch(() => undefined);
  }
};
