import { endpoints, type TaskQuery } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { taskTable } from "../output/task-view.ts";
import type { ClientContext } from "./command.ts";

export interface TaskListFlags {
  readonly status?: string;
  readonly type?: string;
  readonly priority?: string;
  readonly search?: string;
  readonly live?: boolean;
  readonly page?: number;
  readonly pageSize?: number;
}

/** `task list`: a page of tasks, newest first. */
export const taskList = async (
  { client, output, json }: ClientContext,
  flags: TaskListFlags,
): Promise<number> => {
  const query = {
    status: flags.status?.split(","),
    type: flags.type?.split(","),
    priority: flags.priority?.split(","),
    search: flags.search,
    isLive: flags.live,
    page: flags.page,
    pageSize: flags.pageSize,
  } as Partial<TaskQuery>;
  const list = await client.call(endpoints.tasks.list, { query });
  if (json) {
    output.json(list);
  } else if (list.total === 0) {
    output.line("no tasks");
    output.note(
      output.colors.dim('make one: agentvine task create --repo <path or url> --type bugfix --title "…"'),
    );
  } else {
    const more = list.isTotalExact ? "" : "+";
    output.line(taskTable(list.items, output));
    if (list.pages > 1)
      output.note(output.colors.dim(`page ${list.page} of ${list.pages}${more}, ${list.total}${more} tasks`));
  }
  return exitCodes.ok;
};
