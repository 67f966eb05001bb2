import { endpoints } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { coloredDiff } from "../output/diff.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId } from "./task-id.ts";

/** `task diff <id>`: the result's change as a unified diff. Into a pipe it is the exact patch. */
export const taskDiff = async ({ client, output, json }: ClientContext, given: string): Promise<number> => {
  const taskId = await resolveTaskId(client, given);
  const diff = await client.call(endpoints.tasks.diff, { params: { taskId } });
  if (json) output.json(diff);
  else
    output.line(
      (output.isInteractive ? coloredDiff(diff.patch, output.colors) : diff.patch).replace(/\n$/, ""),
    );
  if (diff.isTruncated) output.note(output.colors.yellow("the diff is longer than 4 MiB and was cut"));
  return exitCodes.ok;
};
