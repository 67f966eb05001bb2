import type { Client } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { matchGivenId, readGivenId } from "./given-id.ts";

/**
 * The task's full id: given whole, or as an end or beginning of it that is unique among the 100 newest tasks (tables show the last
 * eight characters). @throws AppError `task.not_found`, or `command.usage` when several match.
 */
export const resolveTaskId = async (client: Client, given: string): Promise<string> => {
  const { id, isWhole } = readGivenId(given, "task");
  if (isWhole) return id;
  const { items } = await client.call(endpoints.tasks.list, { query: { pageSize: 100 } });
  const match = matchGivenId(items, given, "task");
  if (match === undefined) throw new AppError("task.not_found", `no task has the id ${given}`);
  return match.id;
};

/** The part of an id that tables show. */
export const shortId = (id: string): string => id.slice(-8);
