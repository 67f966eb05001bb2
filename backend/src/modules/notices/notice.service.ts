import type {
  Notice,
  NoticeChannel,
  NoticeChannelCreate,
  NoticeChannelUpdate,
  NoticeQuery,
} from "@agentvine/contracts";
import { AppError, coerceError, isAppError, newId } from "@agentvine/kit";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import { inTransaction } from "../../database/transaction.ts";
import { changeOf, recordAudit } from "../audit/index.ts";
import type { ChannelAddresses } from "./channel-addresses.service.ts";
import { forgetNotices, listNotices, startCursor, takeUnqueued } from "./notice.repository.ts";
import {
  type ChannelRow,
  countChannels,
  deleteChannel,
  findOwnChannel,
  findVerifiedAddress,
  hasChannels,
  insertChannel,
  listChannels,
  updateChannel,
} from "./notice-channel.repository.ts";
import type { NoticeDelivery } from "./notice-delivery.service.ts";
import type { WebhookSender } from "./webhook-sender.service.ts";

export interface NoticeServiceDeps {
  db: Db;
  delivery: NoticeDelivery;
  webhooks: Pick<WebhookSender, "checkAddress">;
  canMail: boolean;
  /** Mail goes to nobody but the person themselves: the installation's server sends nothing to strangers. */
  mailsOwnAddressOnly: boolean;
  secretOf: (channelId: string) => string;
  addresses: ChannelAddresses;
}

const channelsMax = 20;
/** A job that was not heard of for so long is made anew; its own delays are shorter. */
const lostAfterMs = 1_800_000;
const sweepMax = 500;

/** Of a webhook only where it leads: the rest of its address is as good as a password. */
function shownAddress(row: ChannelRow, addresses: ChannelAddresses): string {
  if (row.kind === "email") return row.address;
  try {
    return `${new URL(addresses.open(row)).origin}/…`;
  } catch (error) {
    // One that can't be opened any more must not hide the others, nor itself from who wants to delete it.
    if (isAppError(error)) return "…";
    throw error;
  }
}

const toChannel = (row: ChannelRow, addresses: ChannelAddresses): NoticeChannel => ({
  id: row.id,
  kind: row.kind,
  name: row.name,
  address: shownAddress(row, addresses),
  format: row.format,
  types: row.types,
  scope: row.scope,
  isEnabled: row.isEnabled,
  createdAt: row.createdAt.toISOString(),
  lastSentAt: row.lastSentAt?.toISOString() ?? null,
  lastError: row.lastError,
});

const recordChannel = (
  tx: Tx,
  action: "notice_channel.created" | "notice_channel.updated" | "notice_channel.deleted",
  targetId: string,
  states: { before?: object; after?: object },
): Promise<void> => recordAudit(tx, { action, targetType: "notice_channel", targetId, ...states });

const notFound = (): AppError => new AppError("notice_channel.not_found", "There is no such notice channel.");

/** @throws AppError `notice_channel.address_refused` unless it is the verified address of that person */
async function assertOwnAddress(tx: Tx, userId: string, address: string): Promise<void> {
  if ((await findVerifiedAddress(tx, userId)) === address.toLowerCase()) return;
  const message =
    "must be your own verified e-mail address: give that one, change or verify it in your account, or use a webhook";
  throw new AppError(
    "notice_channel.address_refused",
    `The notice channel can't be made: address ${message}.`,
    {
      issues: [{ path: "address", message }],
    },
  );
}

/** Where people want to be told things, and what they were told. Everybody sees only their own. */
export function createNoticeService(deps: NoticeServiceDeps) {
  const { db, delivery, webhooks, canMail, mailsOwnAddressOnly, secretOf, addresses } = deps;
  return {
    /** @throws AppError `notice_channel.mail_not_configured`, `.address_refused`, `.limit_reached` */
    createChannel: async (
      userId: string,
      input: NoticeChannelCreate,
    ): Promise<{ channel: NoticeChannel; signingSecret: string | null }> => {
      if (input.kind === "webhook") webhooks.checkAddress(input.address);
      else if (!canMail)
        throw new AppError("notice_channel.mail_not_configured", "This installation has no SMTP server.");
      const row = await inTransaction(db, async (tx) => {
        if (input.kind === "email" && mailsOwnAddressOnly) await assertOwnAddress(tx, userId, input.address);
        if ((await countChannels(tx, userId)) >= channelsMax)
          throw new AppError(
            "notice_channel.limit_reached",
            `There are ${channelsMax} notice channels already.`,
          );
        // Nobody followed the events so far.
        if (!(await hasChannels(tx))) await startCursor(tx);
        const id = newId();
        const made = await insertChannel(tx, {
          ...input,
          ...{ id, userId, address: addresses.seal({ id, userId, ...input }) },
          format: "format" in input ? input.format : "json",
        });
        await recordChannel(tx, "notice_channel.created", made.id, { after: toChannel(made, addresses) });
        return made;
      });
      return {
        channel: toChannel(row, addresses),
        signingSecret: row.kind === "webhook" ? secretOf(row.id) : null,
      };
    },

    listChannels: async (userId: string): Promise<NoticeChannel[]> =>
      (await listChannels(db, userId)).map((row) => toChannel(row, addresses)),

    /** @throws AppError `notice_channel.not_found` */
    updateChannel: async (
      userId: string,
      id: string,
      change: NoticeChannelUpdate,
    ): Promise<NoticeChannel> => {
      const row = await inTransaction(db, async (tx) => {
        if (change.isEnabled === true && !(await hasChannels(tx))) await startCursor(tx);
        const before = await findOwnChannel(tx, id, userId);
        const after = await updateChannel(tx, id, userId, change);
        if (before !== undefined && after !== undefined)
          await recordChannel(
            tx,
            "notice_channel.updated",
            id,
            changeOf(toChannel(before, addresses), toChannel(after, addresses)),
          );
        return after;
      });
      if (row === undefined) throw notFound();
      return toChannel(row, addresses);
    },

    /** @throws AppError `notice_channel.not_found` */
    deleteChannel: async (userId: string, id: string): Promise<void> => {
      await inTransaction(db, async (tx) => {
        const before = await findOwnChannel(tx, id, userId);
        if (before === undefined || !(await deleteChannel(tx, id, userId))) throw notFound();
        await recordChannel(tx, "notice_channel.deleted", id, {
          before: toChannel(before, addresses),
        });
      });
    },

    /** Sends a test now. That it did not arrive is an answer, no error. @throws AppError `notice_channel.not_found` */
    testChannel: async (userId: string, id: string): Promise<{ isSent: boolean; reason: string }> => {
      const channel = await findOwnChannel(db, id, userId);
      if (channel === undefined) throw notFound();
      try {
        await delivery.sendTest(channel);
        return { isSent: true, reason: "" };
      } catch (error) {
        return { isSent: false, reason: coerceError(error).message };
      }
    },

    list: (userId: string, query: NoticeQuery): Promise<Page<Notice>> => listNotices(db, userId, query),

    /** Notices that are due and have no job; the caller makes one for each. */
    takeUnqueued: (): Promise<string[]> => takeUnqueued(db, lostAfterMs, sweepMax),

    /** Removes notices that ended more than so many days ago. @returns how many */
    forget: (days: number): Promise<number> => inBatches((limit) => forgetNotices(db, days, limit)),
  };
}

export type NoticeService = ReturnType<typeof createNoticeService>;
