import type { NoticeType } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { ChannelAddresses } from "./channel-addresses.service.ts";
import type { MailSender } from "./mail-sender.service.ts";
import type { NoticeSubject } from "./notice.ts";
import type { ChannelRow } from "./notice-channel.repository.ts";
import { composeJson, composeSlack, composeText } from "./notice-text.ts";
import type { WebhookSender } from "./webhook-sender.service.ts";

export interface NoticeSenderDeps {
  /** Undefined: no SMTP server is configured. */
  mail: MailSender | undefined;
  webhooks: Pick<WebhookSender, "send">;
  secretOf: (channelId: string) => string;
  addresses: Pick<ChannelAddresses, "open">;
  publicUrl: () => string;
}

/** Something to send, whatever it is about. */
export interface Message {
  readonly id: string;
  readonly type: NoticeType;
  readonly taskId: string | null;
  readonly workerRequestId: string | null;
  readonly createdAt: Date;
}

export type SendNotice = (channel: ChannelRow, message: Message, subject: NoticeSubject) => Promise<void>;

/** Sends a message the way its channel goes. What it returns throws when the message did not arrive, and says why. */
export function createNoticeSender(deps: NoticeSenderDeps): SendNotice {
  return async (channel, message, subject) => {
    const publicUrl = deps.publicUrl();
    if (channel.kind === "email") {
      if (deps.mail === undefined)
        throw new AppError("notice_channel.mail_not_configured", "No SMTP server is configured.");
      const messageId = `<${message.id}@notices.agentvine>`;
      await deps.mail.send({
        to: channel.address,
        messageId,
        ...composeText(message.type, subject, publicUrl),
      });
      return;
    }
    const body =
      channel.format === "slack"
        ? composeSlack(message.type, subject, publicUrl)
        : composeJson(message, subject, publicUrl);
    await deps.webhooks.send({
      url: deps.addresses.open(channel),
      body,
      noticeId: message.id,
      secret: deps.secretOf(channel.id),
    });
  };
}
