import {
  endpoints,
  type WorkerRequest,
  type WorkerRequestList,
  type WorkerRequestQuery,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { counted } from "../output/counted.ts";
import { requestDetails, requestTable } from "../output/request-view.ts";
import type { ClientContext } from "./command.ts";
import { findRequest } from "./request-id.ts";
import { resolveTaskId } from "./task-id.ts";

export interface InboxListFlags {
  readonly kind?: string;
  readonly task?: string;
  readonly mine?: boolean;
  readonly all?: boolean;
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

/** What waits for a person beside requests, with the command that lists it; nothing when nothing does. */
const alsoWaits = async ({ client }: ClientContext, taskId: string | undefined): Promise<string[]> => {
  const query = { limit: 1, ...(taskId === undefined ? {} : { taskId }) };
  const { counts, beside } = await client.call(endpoints.inbox.list, { query });
  const { review, proposed_task: proposed, blocked } = counts;
  return [
    ...(review === 0
      ? []
      : [`${counted(review, "result")} to review: agentvine task list --status in_review`]),
    ...(proposed === 0
      ? []
      : [`${counted(proposed, "task")} that agents propose: agentvine task list --status pending`]),
    ...(blocked === 0
      ? []
      : [`${counted(blocked, "task")} that can't go on: agentvine task list --status blocked`]),
    ...(beside.proposedRules === 0
      ? []
      : [`${counted(beside.proposedRules, "rule")} that was proposed: agentvine policy proposals`]),
  ];
};

const showPage = ({ output }: ClientContext, list: WorkerRequestList, isSettled: boolean): void => {
  if (list.items.length === 0) {
    output.line(isSettled ? "nothing was asked yet" : "nothing waits for an answer");
    return;
  }
  output.line(requestTable(list.items, output));
  const { dim } = output.colors;
  const more = list.isTotalExact ? "" : "+";
  if (list.pages > 1)
    output.note(dim(`page ${list.page} of ${list.pages}${more}, ${list.total}${more} requests`));
  if (!isSettled) output.note(dim(hintFor(list.items)));
};

/** How many a controller has, with the command that lists them; nothing when it has none. */
const controllersHave = async (
  { client }: ClientContext,
  query: Partial<WorkerRequestQuery>,
): Promise<string[]> => {
  const { total } = await client.call(endpoints.workerRequests.list, {
    query: { ...query, status: ["automated"], page: 1, pageSize: 1 },
  });
  return total === 0 ? [] : [`${counted(total, "request")} with the controller: agentvine inbox list --all`];
};

/** Which of them: what people have, unless told. */
const wantedStatus = ({ all, settled }: InboxListFlags): Partial<WorkerRequestQuery> => {
  if (all === true && settled === true) throw new AppError("command.usage", "say either --all or --settled");
  if (settled === true) return { isLive: false };
  return all === true ? { isLive: true } : { status: ["human"] };
};

/** `inbox list`: what waits for an answer, the longest waiting first. */
export const inboxList = async (context: ClientContext, flags: InboxListFlags): Promise<number> => {
  const { client, output, json } = context;
  const isSettled = flags.settled === true;
  const taskId = flags.task === undefined ? undefined : await resolveTaskId(client, flags.task);
  const query = {
    kind: flags.kind?.split(","),
    taskId,
    isMine: flags.mine === true ? true : undefined,
    ...wantedStatus(flags),
    sort: "raisedAt",
    order: isSettled ? "desc" : "asc",
    page: flags.page,
    pageSize: flags.pageSize,
  } as Partial<WorkerRequestQuery>;
  const list = await client.call(endpoints.workerRequests.list, { query });
  if (json) {
    output.json(list);
    return exitCodes.ok;
  }
  showPage(context, list, isSettled);
  const others = [
    ...(isSettled || flags.all === true ? [] : await controllersHave(context, query)),
    ...(isSettled ? [] : await alsoWaits(context, taskId)),
  ];
  for (const line of others) output.note(output.colors.dim(`also ${line}`));
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
