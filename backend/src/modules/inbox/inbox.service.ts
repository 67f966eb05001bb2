import {
  type Inbox,
  type InboxItem,
  type InboxKind,
  type InboxQuery,
  inboxKinds,
  type WorkerRequest,
} from "@agentvine/contracts";
import type { Db } from "../../database/client.ts";
import { countProposals, countWaiting, listWaiting, type WaitingRow } from "./inbox.repository.ts";
import { cursorOf, placeOf } from "./inbox-cursor.ts";
import { type FoundTask, findTasks } from "./inbox-task.repository.ts";

/** Worker requests as the inbox sees them. */
export interface InboxRequestsPort {
  read(db: Db, ids: readonly string[]): Promise<WorkerRequest[]>;
  /** The line that a person reads first. */
  headlineOf(request: WorkerRequest): string;
}

const headlineMax = 500;
/** What is said of a task that waits as a whole. */
const wholeTask: Partial<Record<InboxKind, (reason: string) => string>> = {
  review: () => "Its result waits for a review",
  proposed_task: () => "An agent proposes it; it runs once somebody queues it",
  blocked: (reason) => reason,
};

const noCounts = () => Object.fromEntries(inboxKinds.map((kind) => [kind, 0])) as Inbox["counts"];

/** One list of everything that waits for a person. */
export function createInboxListService({ db, requests }: { db: Db; requests: InboxRequestsPort }) {
  const itemOf = (row: WaitingRow, found: FoundTask, nowMs: number, request?: WorkerRequest): InboxItem => {
    const { task, statusReason } = found;
    const sinceMs = Number(row.sinceUs) / 1_000;
    const headline = request ? requests.headlineOf(request) : (wholeTask[row.kind]?.(statusReason) ?? "");
    return {
      ...{ kind: row.kind, id: row.id, ...task },
      headline: headline.slice(0, headlineMax),
      since: new Date(sinceMs).toISOString(),
      waitedMs: request?.waitedForPeopleMs ?? Math.max(0, Math.round(nowMs - sinceMs)),
      deadlineAt: request?.deadlineAt ?? null,
      assignedTo: request?.assignedTo ?? null,
      generation: request?.generation ?? null,
      alikeCount: request?.alikeCount ?? 0,
    };
  };

  /** What was settled between the two reads is left out. */
  async function itemsOf(rows: readonly WaitingRow[]): Promise<InboxItem[]> {
    const ofRequests = rows.filter(({ kind }) => wholeTask[kind] === undefined).map(({ id }) => id);
    const [{ tasks, nowMs }, read] = await Promise.all([
      findTasks(db, [...new Set(rows.map(({ taskId }) => taskId))]),
      requests.read(db, ofRequests),
    ]);
    const found = new Map(read.map((request) => [request.id, request]));
    return rows.flatMap((row) => {
      const task = tasks.get(row.taskId);
      const request = found.get(row.id);
      const isGone = wholeTask[row.kind] === undefined && request?.status !== "human";
      return task === undefined || isGone ? [] : [itemOf(row, task, nowMs, request)];
    });
  }

  return {
    /** A page of what waits, and how many of each kind do. @throws AppError `request.invalid` for an `after` of another list */
    list: async (query: InboxQuery, userId: string): Promise<Inbox> => {
      const { kind, sort, after, limit, ...filter } = query;
      const place = after === undefined ? undefined : placeOf(sort, after);
      const mine = { ...filter, userId };
      const [rows, counted, beside] = await Promise.all([
        listWaiting(db, mine, { kind, sort, after: place, limit: limit + 1 }),
        countWaiting(db, mine),
        countProposals(db),
      ]);
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      const counts = noCounts();
      for (const { kind: of, count } of counted) counts[of] = count;
      const next = last === undefined ? null : cursorOf(sort, last);
      return { items: await itemsOf(page), next, counts, beside };
    },
  };
}

export type InboxListService = ReturnType<typeof createInboxListService>;
