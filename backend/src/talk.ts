import type { Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { BlobStore } from "./blobs/blob-store.ts";
import type { BackendConfig } from "./config.ts";
import type { Database } from "./database/client.ts";
import { notify } from "./database/commit-wakes.ts";
import type { Notifications } from "./database/notifications.ts";
import { welcomeOf } from "./http/host-guard.ts";
import { sessionChannel } from "./modules/accounts/index.ts";
import { apiKeyChannel } from "./modules/api-keys/index.ts";
import {
  type AttachmentService,
  conversationChannel,
  createAgentMessageService,
  createAttachmentService,
  createChatService,
  registerAttachmentRoutes,
  registerChatRoutes,
} from "./modules/chat/index.ts";
import { createContextService, registerContextRoutes } from "./modules/context/index.ts";
import { type EventSource, positionedChannel } from "./modules/events/index.ts";
import {
  presenceChannel,
  type Realtime,
  type RealtimeDeps,
  startRealtime,
} from "./modules/realtime/index.ts";
import type { RepositoryService } from "./modules/repositories/index.ts";

export interface TalkDeps {
  server: FastifyInstance;
  config: BackendConfig;
  logger: Logger;
  notifications: Notifications;
  events: EventSource;
  limits: RealtimeDeps["limits"];
  database: Database;
  blobs: BlobStore;
  repositories: Pick<RepositoryService, "get">;
}

export interface Talk {
  attachments: AttachmentService;
  realtime: Realtime;
}

/** Wires what people and agents tell each other: conversations and context documents. */
export function wireTalk(deps: TalkDeps): Talk {
  const { server, database, blobs, repositories, config } = deps;
  const { db } = database;
  const chat = createChatService({ db, attachmentsMax: config.attachmentsMax });
  const attachments = createAttachmentService({ db, blobs });
  registerAttachmentRoutes(server, attachments, config.attachmentBytesMax);
  registerChatRoutes(server, chat, createAgentMessageService({ db, blobs }));
  registerContextRoutes(server, createContextService({ db, hasRepository: (id) => repositories.get(id) }));
  const pageSize = 200;
  const realtime = startRealtime({
    server,
    logger: deps.logger,
    notifications: deps.notifications,
    welcome: welcomeOf(config),
    limits: deps.limits,
    socketsPerCallerMax: config.socketsPerCallerMax,
    tellPresence: (payload) => notify(db, presenceChannel, { payload }),
    channels: {
      ...{ conversations: conversationChannel, events: positionedChannel },
      callers: [apiKeyChannel, sessionChannel],
    },
    events: {
      head: () => deps.events.last(),
      read: async (after) => (await deps.events.list({ after, limit: pageSize })).items,
      positionOf: ({ position }) => position,
    },
    assertConversation: (id) => chat.getConversation(id),
    messages: (id) => ({
      head: async () => (await chat.getConversation(id)).lastPosition,
      read: async (since) => (await chat.listMessages(id, { since, limit: pageSize })).items,
      positionOf: ({ changePosition }) => changePosition,
    }),
  });
  return { attachments, realtime };
}
