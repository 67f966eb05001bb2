import type { Client } from "@agentvine/client";
import { endpoints, type WorkerRequest, type WorkerRequestQuery } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { matchGivenId, readGivenId } from "./given-id.ts";

/**
 * The worker request of an id: given whole, or as an end or beginning of it that is unique among the 100 that wait longest and the 100 newest.
 * @throws AppError `worker_request.not_found`, or `command.usage` when several match
 */
export const findRequest = async (client: Client, given: string): Promise<WorkerRequest> => {
  const { id, isWhole } = readGivenId(given, "request");
  if (isWhole) return await client.call(endpoints.workerRequests.get, { params: { requestId: id } });
  const list = (query: Partial<WorkerRequestQuery>) =>
    client.call(endpoints.workerRequests.list, { query: { pageSize: 100, ...query } });
  // What waits is what people are shown first; rules settle far more than that beside it.
  const [open, newest] = await Promise.all([list({ isLive: true, order: "asc" }), list({})]);
  const items = [...new Map([...open.items, ...newest.items].map((one) => [one.id, one])).values()];
  const match = matchGivenId(items, given, "request");
  if (match === undefined) throw new AppError("worker_request.not_found", `no request has the id ${given}`);
  return match;
};
