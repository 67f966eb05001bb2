import type { WorkerRequest, WorkerRequestQuery } from "@agentvine/contracts";
import type { Page } from "../../database/bounded-count.ts";
import type { Db } from "../../database/client.ts";
import { unknownRequest } from "./request.ts";
import { listRequests } from "./request-list.repository.ts";
import { readRequest } from "./request-row.repository.ts";

/** Worker requests as people look at them. */
export function createRequestListService({ db }: { db: Db }) {
  return {
    list: (query: WorkerRequestQuery, userId: string): Promise<Page<WorkerRequest>> =>
      listRequests(db, query, userId),

    /** @throws AppError `worker_request.not_found` */
    get: async (id: string): Promise<WorkerRequest> => {
      const request = await readRequest(db, id);
      if (request === undefined) throw unknownRequest();
      return request;
    },
  };
}

export type RequestListService = ReturnType<typeof createRequestListService>;
