import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { NoticeService } from "./notice.service.ts";

export function registerNoticeRoutes(app: FastifyInstance, notices: NoticeService): void {
  route(app, endpoints.notices.createChannel, ({ body, actor }) => notices.createChannel(actor.userId, body));
  route(app, endpoints.notices.listChannels, async ({ actor }) => ({
    items: await notices.listChannels(actor.userId),
  }));
  route(app, endpoints.notices.updateChannel, ({ params, body, actor }) =>
    notices.updateChannel(actor.userId, params.channelId, body),
  );
  route(app, endpoints.notices.deleteChannel, ({ params, actor }) =>
    notices.deleteChannel(actor.userId, params.channelId),
  );
  route(app, endpoints.notices.testChannel, ({ params, actor }) =>
    notices.testChannel(actor.userId, params.channelId),
  );
  route(app, endpoints.notices.list, async ({ query, actor }) =>
    pageReply(query, await notices.list(actor.userId, query)),
  );
}
