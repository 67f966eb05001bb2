import type { Client } from "@agentvine/client";
import { endpoints, type WorkerRequest } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";

const full = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The worker request of an id: given whole, or as an end or beginning of it that is unique among the 100 newest.
 * @throws AppError `worker_request.not_found`, or `command.usage` when several match
 */
export const findRequest = async (client: Client, given: string): Promise<WorkerRequest> => {
  if (full.test(given)) {
    return await client.call(endpoints.workerRequests.get, { params: { requestId: given.toLowerCase() } });
  }
  if (!/^[0-9a-f-]{4,}$/i.test(given)) {
    throw new AppError(
      "command.usage",
      `"${given}" is no request id: give the id, or at least four characters of its end`,
    );
  }
  const { items } = await client.call(endpoints.workerRequests.list, { query: { pageSize: 100 } });
  const wanted = given.toLowerCase();
  const [match, ...others] = items.filter(({ id }) => id.endsWith(wanted) || id.startsWith(wanted));
  if (others.length > 0)
    throw new AppError("command.usage", `"${given}" fits ${others.length + 1} requests: give more of the id`);
  if (match === undefined) throw new AppError("worker_request.not_found", `no request has the id ${given}`);
  return match;
};
