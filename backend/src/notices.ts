import type { Clock, Lifecycle, Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import type { Notifications } from "./database/notifications.ts";
import type { Delivery } from "./jobs/delivery.ts";
import type { JobRunner } from "./jobs/job-runner.ts";
import { createTokenSigner } from "./modules/auth/index.ts";
import {
  createChannelAddresses,
  createMailSender,
  createNoticeDelivery,
  createNoticeSender,
  createNoticeService,
  createWebhookSender,
  type IsLooking,
  type MailSender,
  type NoticeService,
  registerNoticeRoutes,
  startNoticeOutbox,
  triesMax,
  type WaitingRequests,
} from "./modules/notices/index.ts";
import type { SecretBox } from "./modules/secrets/index.ts";

/** How soon people are told of what waits for them; each has a default. */
export interface NoticePace {
  /** How long a request waits before they are told. */
  graceMs?: number;
  /** How long they are left alone while they look. */
  lookAgainMs?: number;
  /** First wait after a try that failed; each further one doubles. */
  backoffMs?: number;
  /** How often what was put off, or lost its job, is looked for. */
  resendSeconds?: number;
}

export interface NoticeWiringDeps {
  server: FastifyInstance;
  config: BackendConfig;
  database: Database;
  notifications: Notifications;
  logger: Logger;
  clock: Clock;
  /** Undefined: no mail is sent. */
  mail: MailSender | undefined;
  /** The installation's secret. */
  secret: string;
  secrets: SecretBox;
  requests: WaitingRequests;
  isLooking: IsLooking;
  isAtInbox: (userId: string) => boolean;
  publicUrl: () => string;
  background: Lifecycle;
  pace?: NoticePace | undefined;
}

export interface NoticeWiring {
  notices: NoticeService;
  delivery: Delivery;
  /** Sends a notice now, as its job would. */
  deliver(noticeId: string): Promise<void>;
  /** Begins to follow the events; jobs are made by that runner. */
  follow(jobs: Pick<JobRunner, "enqueue">): void;
}

/** Name of the queue, on the board and in Redis. */
export const noticeQueue = "notices";

/** What sends e-mail; undefined when no server for it is configured. */
export function openMail(config: BackendConfig, background: Lifecycle): MailSender | undefined {
  if (config.smtpUrl === undefined) return undefined;
  const mail = createMailSender({ url: config.smtpUrl, from: config.mailFrom });
  background.add("mail", () => mail.close());
  return mail;
}

/** Wires what tells people things outside of the UI. */
export function wireNotices(deps: NoticeWiringDeps): NoticeWiring {
  const { config, database, notifications, logger, clock, mail, background, pace = {} } = deps;
  const { db } = database;
  // Nothing secret needs to be kept per channel: its key follows from the installation's own.
  const signer = createTokenSigner(deps.secret, "webhook signatures");
  const secretOf = (channelId: string): string => `avw_${signer.sign(channelId)}`;
  const addresses = createChannelAddresses(deps.secrets);
  const webhooks = createWebhookSender({ allowsPrivateHosts: config.allowsPrivateHosts, clock });
  const delivery = createNoticeDelivery({
    ...{ db, clock, logger },
    requests: deps.requests,
    isLooking: deps.isLooking,
    isAtInbox: deps.isAtInbox,
    send: createNoticeSender({ mail, webhooks, secretOf, addresses, publicUrl: deps.publicUrl }),
    lookAgainMs: pace.lookAgainMs,
  });
  const notices = createNoticeService({
    ...{ db, delivery, webhooks, secretOf, addresses },
    canMail: mail !== undefined,
    mailsOwnAddressOnly: config.accounts !== "off",
  });
  registerNoticeRoutes(deps.server, notices);
  return {
    notices,
    delivery: {
      ...{ name: noticeQueue, triesMax, concurrency: 4, backoffMs: pace.backoffMs },
      deliver: (id) => delivery.deliver(id),
    },
    deliver: (id) => delivery.deliver(id),
    follow(jobs) {
      const outbox = startNoticeOutbox({
        ...{ db, notifications, logger },
        enqueue: (id, delayMs) => jobs.enqueue(noticeQueue, id, delayMs),
        graceMs: pace.graceMs,
      });
      background.add("notices", () => outbox.stop());
    },
  };
}
