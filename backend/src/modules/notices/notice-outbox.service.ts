import { coerceError, type Logger, sleep } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { isDatabaseUnavailable } from "../../database/database-error.ts";
import type { Notifications } from "../../database/notifications.ts";
import { inTransaction } from "../../database/transaction.ts";
import { positionedChannel } from "../events/index.ts";
import {
  channelsFor,
  insertNotices,
  moveCursor,
  readNoticedEvents,
  takeCursor,
} from "./notice.repository.ts";
import { noticeChannelsChanged, occasionOf } from "./notice.ts";
import { hasChannels } from "./notice-channel.repository.ts";

export interface NoticeOutboxDeps {
  db: Db;
  notifications: Notifications;
  logger: Logger;
  /** Makes a job for a notice, to be done after so many milliseconds. May fail: the sweep makes up for it. */
  enqueue: (noticeId: string, delayMs: number) => Promise<void>;
  /** How long a request waits before people are told of it; 5 s unless given. */
  graceMs?: number | undefined;
}

export interface NoticeOutbox {
  stop(): Promise<void>;
}

const eventsMax = 500;
/** While much happens, it is looked at together, this often. */
const paceMs = 250;
/** How soon to look without being told. */
const idleMs = 5_000;
const graceMsDefault = 5_000;

/**
 * Follows the events and writes a notice for everybody who wants to hear of one. Cursor and notices are written in one transaction:
 * whatever dies, each occasion makes one notice per channel. While nobody has a channel it reads nothing.
 */
export function startNoticeOutbox(deps: NoticeOutboxDeps): NoticeOutbox {
  const { db, notifications, logger, enqueue, graceMs = graceMsDefault } = deps;
  const stopping = new AbortController();
  let isAsked: boolean | undefined;
  let wakeUp = (): void => {};
  const stops = [
    notifications.on(positionedChannel, () => wakeUp()),
    notifications.on(noticeChannelsChanged, () => {
      isAsked = undefined;
      wakeUp();
    }),
  ];

  async function pass(): Promise<number> {
    isAsked ??= await hasChannels(db);
    if (!isAsked) return 0;
    const { made, read } = await inTransaction(db, (tx) => writeNotices(tx, graceMs));
    for (const { id, delayMs } of made) {
      await enqueue(id, delayMs).catch((error: unknown) =>
        logger.debug(
          { err: coerceError(error), noticeId: id },
          "no job for a notice yet; it is swept up later",
        ),
      );
    }
    return read;
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      let isMore = false;
      const waking = new AbortController();
      wakeUp = () => waking.abort();
      try {
        isMore = (await pass()) > 0;
      } catch (error) {
        if (!isDatabaseUnavailable(error))
          logger.error({ err: coerceError(error) }, "notices could not be written");
      }
      if (!isMore) await sleep(idleMs, waking.signal).catch(() => {});
      await sleep(paceMs, stopping.signal).catch(() => {});
    }
  }

  const running = loop();
  return {
    async stop() {
      stopping.abort();
      wakeUp();
      for (const stop of stops) stop();
      await running;
    },
  };
}

interface Written {
  made: { id: string; delayMs: number }[];
  /** How many positions were passed. */
  read: number;
}

async function writeNotices(tx: Tx, graceMs: number): Promise<Written> {
  const after = await takeCursor(tx);
  if (after === undefined) return { made: [], read: 0 };
  const { upTo, found } = await readNoticedEvents(tx, after, eventsMax);
  const made: Written["made"] = [];
  for (const event of found) {
    const occasion = occasionOf(event);
    if (occasion === undefined) continue;
    const delayMs = occasion.type === "request.waiting" ? graceMs : 0;
    const channelIds = await channelsFor(tx, occasion);
    const ids = await insertNotices(
      tx,
      channelIds.map((channelId) => ({ channelId, occasion, delayMs })),
    );
    made.push(...ids.map((id) => ({ id, delayMs })));
  }
  if (upTo > after) await moveCursor(tx, upTo);
  return { made, read: upTo - after };
}
