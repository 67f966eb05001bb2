import type { EventType, NoticeType } from "@agentvine/contracts";

/** Channel on which backends tell each other that notice channels were made, changed or removed. */
export const noticeChannelsChanged = "agentvine_notice_channels";

/** What a notice is about, read at the moment it is sent. */
export interface NoticeSubject {
  readonly taskTitle: string;
  readonly taskId: string | null;
  readonly repository: string;
  /** One line: the question, or why the task failed. */
  readonly detail: string;
  /** The exact shell line, when leave is asked for one. */
  readonly command: string | null;
  readonly deadlineAt: Date | null;
  /** Where it is looked at: a path of the UI. */
  readonly path: string;
}

/** Says whether a person has the conversation of a task before their eyes now. */
export type IsLooking = (userId: string, taskId: string) => Promise<boolean> | boolean;

/** Events that people may want to hear of. */
export const noticedEvents = [
  "worker_request.raised",
  "worker_request.routed",
  "worker_request.escalated",
  "worker_request.delegated",
  "task.submitted",
  "task.completed",
  "task.failed",
  "task.blocked",
] as const satisfies readonly EventType[];

/** What an event means to people; undefined when there is nothing to tell. */
export interface Occasion {
  readonly type: NoticeType;
  /** The same for a repeat of the event. */
  readonly occasion: string;
  readonly taskId: string | null;
  readonly workerRequestId: string | null;
  /** The only person it concerns; null is everybody who wants to know. */
  readonly assignedTo: string | null;
  /** Channels made later are not told. */
  readonly occurredAt: Date;
}

/** The facts that events of worker requests carry; other events have others. */
interface RequestFacts {
  readonly requestId?: unknown;
  readonly status?: unknown;
  readonly assignedTo?: unknown;
  readonly escalations?: unknown;
}

interface NoticedEvent {
  readonly position: number;
  readonly type: string;
  readonly taskId: string | null;
  readonly data: RequestFacts;
  readonly occurredAt: Date;
}

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** Reads an event as news for people. A request is news once per round: raised or routed, each escalation, each time it is given to somebody. */
export function occasionOf(event: NoticedEvent): Occasion | undefined {
  const { position, type, taskId, occurredAt } = event;
  const ofTask = (noticeType: NoticeType): Occasion => ({
    type: noticeType,
    occasion: `${noticeType}:${taskId}:${position}`,
    taskId,
    workerRequestId: null,
    assignedTo: null,
    occurredAt,
  });
  switch (type) {
    case "task.submitted":
      return ofTask("task.in_review");
    case "task.completed":
      return ofTask("task.completed");
    case "task.failed":
      return ofTask("task.failed");
    case "task.blocked":
      return ofTask("task.blocked");
    default:
      return ofRequest(event);
  }
}

function ofRequest({ position, type, taskId, data, occurredAt }: NoticedEvent): Occasion | undefined {
  const requestId = textOf(data.requestId);
  if (requestId === null || data.status !== "human") return undefined;
  const assignedTo = textOf(data.assignedTo);
  const round =
    type === "worker_request.escalated"
      ? `escalation ${String(data.escalations)}`
      : type === "worker_request.delegated"
        ? // Who gives it back may be given it once more.
          `given to ${assignedTo} at ${position}`
        : "first";
  return {
    type: "request.waiting",
    occasion: `request:${requestId}:${round}`,
    taskId,
    workerRequestId: requestId,
    assignedTo,
    occurredAt,
  };
}
