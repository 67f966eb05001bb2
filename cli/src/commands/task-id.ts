import type { Client } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";

const full = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The task's full id: given whole, or as an end or beginning of it that is unique among the 100 newest tasks (tables show the last
 * eight characters). @throws AppError `task.not_found`, or `command.usage` when several match.
 */
export const resolveTaskId = async (client: Client, given: string): Promise<string> => {
  if (full.test(given)) return given.toLowerCase();
  if (!/^[0-9a-f-]{4,}$/i.test(given)) {
    throw new AppError(
      "command.usage",
      `"${given}" is no task id: give the id, or at least four characters of its end`,
    );
  }
  const { items } = await client.call(endpoints.tasks.list, { query: { pageSize: 100 } });
  const wanted = given.toLowerCase();
  const matches = items.filter((task) => task.id.endsWith(wanted) || task.id.startsWith(wanted));
  if (matches.length > 1)
    throw new AppError("command.usage", `"${given}" fits ${matches.length} tasks: give more of the id`);
  const [match] = matches;
  if (match === undefined) throw new AppError("task.not_found", `no task has the id ${given}`);
  return match.id;
};

/** The part of an id that tables show. */
export const shortId = (id: string): string => id.slice(-8);
