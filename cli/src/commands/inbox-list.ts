import { endpoints, type WorkerRequest, type WorkerRequestQuery } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { requestDetails, requestTable } from "../output/request-view.ts";
import type { ClientContext } from "./command.ts";
import { findRequest } from "./request-id.ts";
import { resolveTaskId } from "./task-id.ts";

export interface InboxListFlags {
  readonly kind?: string;
  readonly task?: string;
  readonly mine?: boolean;
  readonly settled?: boolean;
  readonly page?: number;
  readonly pageSize?: number;
}

/** What a person can do about them. */
const hintFor = (requests: readonly WorkerRequest[]): string => {
  const answer = "answer one: agentvine inbox answer <id> --allow | --deny | --choice … | <text>";
  const isAnyAlike = requests.some(({ alikeCount }) => alikeCount > 0);
  return isAnyAlike ? `${answer}\n+n: so many more ask the same; --alike answers them too` : answer;
};

/** `inbox list`: what waits for an answer, the longest waiting first. */
export const inboxList = async (
  { client, output, json }: ClientContext,
  flags: InboxListFlags,
): Promise<number> => {
  const query = {
    kind: flags.kind?.split(","),
    taskId: flags.task === undefined ? undefined : await resolveTaskId(client, flags.task),
    assignedTo: flags.mine === true ? "me" : undefined,
    isLive: flags.settled !== true,
    sort: "raisedAt",
    order: flags.settled === true ? "desc" : "asc",
    page: flags.page,
    pageSize: flags.pageSize,
  } as Partial<WorkerRequestQuery>;
  const list = await client.call(endpoints.workerRequests.list, { query });
  if (json) {
    output.json(list);
  } else if (list.items.length === 0) {
    output.line(flags.settled === true ? "nothing was asked yet" : "nothing waits for an answer");
  } else {
    output.line(requestTable(list.items, output));
    const more = list.isTotalExact ? "" : "+";
    if (list.pages > 1)
      output.note(
        output.colors.dim(`page ${list.page} of ${list.pages}${more}, ${list.total}${more} requests`),
      );
    if (flags.settled !== true) output.note(output.colors.dim(hintFor(list.items)));
  }
  return exitCodes.ok;
};

/** `inbox show <id>`: who asks what and why, and how it was settled. */
export const inboxShow = async (context: ClientContext, given: string): Promise<number> => {
  const { output, json } = context;
  const request = await findRequest(context.client, given);
  if (json) output.json(request);
  else output.line(requestDetails(request, output));
  return exitCodes.ok;
};
