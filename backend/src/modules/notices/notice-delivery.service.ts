import { type Clock, coerceError, type Logger } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { endNotice, findNotice, noteTry, putOff, readTaskFacts } from "./notice.repository.ts";
import type { IsLooking, NoticeSubject } from "./notice.ts";
import { type ChannelRow, findChannel, noteChannelUse } from "./notice-channel.repository.ts";
import type { Message, SendNotice } from "./notice-sender.service.ts";
import type { WaitingRequests } from "./waiting-requests.port.ts";

export interface NoticeDeliveryDeps {
  db: Db;
  clock: Clock;
  logger: Logger;
  requests: WaitingRequests;
  isLooking: IsLooking;
  /** Whether a person has the inbox before their eyes now. */
  isAtInbox: (userId: string) => boolean | Promise<boolean>;
  send: SendNotice;
  /** How long a notice is put off while the person looks at what it is about; 60 s unless given. */
  lookAgainMs?: number | undefined;
}

interface Waiting extends Message {
  readonly tries: number;
}

type Obstacle = { readonly drop: string } | { readonly putOffMs: number };

export interface NoticeDelivery {
  /**
   * Sends a notice, or finds that it need not be sent any more. Safe to be called again: what has ended is left alone.
   * @throws when it could not be sent and is worth another try
   */
  deliver(noticeId: string): Promise<void>;
  /** Sends a message that says it is a test. @throws as the sender does */
  sendTest(channel: ChannelRow): Promise<void>;
}

/** A notice that could not be sent so often is given up. With the delays of its job: after about 40 minutes. */
export const triesMax = 9;
const lookAgainMsDefault = 60_000;
const reasonCharactersMax = 500;

export function createNoticeDelivery(deps: NoticeDeliveryDeps): NoticeDelivery {
  const { db, clock, logger, requests, isLooking, isAtInbox, send, lookAgainMs = lookAgainMsDefault } = deps;

  async function describe(message: Message): Promise<NoticeSubject | string> {
    const task = message.taskId === null ? undefined : await readTaskFacts(db, message.taskId);
    if (task === undefined) return "its task is gone";
    const subject = {
      taskTitle: task.title,
      taskId: message.taskId,
      repository: task.repository,
      detail: task.statusReason === "" ? (task.result?.summary ?? "") : task.statusReason,
      command: null,
      deadlineAt: null,
      path: `/tasks/${message.taskId}`,
    };
    if (message.workerRequestId === null) return subject;
    const request = await requests.find(db, message.workerRequestId);
    if (request === undefined || !request.isWaiting) return "it was settled meanwhile";
    const { question: detail, command, deadlineAt } = request;
    return { ...subject, detail, command, deadlineAt, path: `/inbox?request=${message.workerRequestId}` };
  }

  /** What keeps a notice from being sent now: a reason to drop it, or that it is put off. */
  async function obstacleTo(
    notice: Waiting,
    { channel, isPersonActive }: { channel: ChannelRow; isPersonActive: boolean },
  ): Promise<Obstacle | undefined> {
    if (!isPersonActive) return { drop: "the account is disabled" };
    if (!channel.isEnabled) return { drop: "the channel is switched off" };
    if (notice.taskId === null) return undefined;
    const { userId } = channel;
    // A request stays news while it waits; everything else they are just reading.
    if (notice.workerRequestId === null)
      return (await isLooking(userId, notice.taskId)) ? { drop: "they were looking" } : undefined;
    const isSeen = (await isAtInbox(userId)) || (await isLooking(userId, notice.taskId));
    return isSeen ? { putOffMs: lookAgainMs } : undefined;
  }

  async function trySend(notice: Waiting, channel: ChannelRow, subject: NoticeSubject): Promise<void> {
    const tries = notice.tries + 1;
    try {
      await send(channel, notice, subject);
    } catch (error) {
      const reason = coerceError(error).message.slice(0, reasonCharactersMax);
      logger.warn(
        { noticeId: notice.id, channelId: channel.id, tries, reason },
        "a notice could not be sent",
      );
      const isOver = tries >= triesMax;
      if (isOver) await endNotice(db, notice.id, { status: "failed", tries, reason });
      else await noteTry(db, notice.id, tries, reason);
      await noteChannelUse(db, channel.id, { sentAt: null, error: reason });
      if (isOver) return;
      throw error;
    }
    await endNotice(db, notice.id, { status: "sent", tries, reason: "" });
    await noteChannelUse(db, channel.id, { sentAt: clock.now(), error: "" });
  }

  return {
    async deliver(noticeId) {
      const notice = await findNotice(db, noticeId);
      const found = notice && (await findChannel(db, notice.channelId));
      if (notice?.status !== "waiting" || found === undefined) return;
      const subject = await describe(notice);
      const obstacle = typeof subject === "string" ? { drop: subject } : await obstacleTo(notice, found);
      if (obstacle === undefined && typeof subject !== "string")
        return await trySend(notice, found.channel, subject);
      if (obstacle !== undefined && "putOffMs" in obstacle)
        return await putOff(db, noticeId, obstacle.putOffMs);
      const reason = obstacle?.drop ?? "";
      await endNotice(db, noticeId, { status: "dropped", tries: notice.tries, reason });
    },
    async sendTest(channel) {
      const message: Message = {
        id: `test-${channel.id}-${clock.now().getTime()}`,
        type: "request.waiting",
        taskId: null,
        workerRequestId: null,
        createdAt: clock.now(),
      };
      await send(channel, message, {
        taskTitle: "This is a test",
        taskId: null,
        repository: "no repository",
        detail: "Whoever reads this will be told when something waits.",
        command: null,
        deadlineAt: null,
        path: "/inbox",
      });
    },
  };
}
