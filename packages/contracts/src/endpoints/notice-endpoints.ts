import { z } from "zod";
import { noticeExamples } from "../examples/notice-examples.ts";
import {
  noticeChannelCreatedSchema,
  noticeChannelCreateSchema,
  noticeChannelListSchema,
  noticeChannelSchema,
  noticeChannelUpdateSchema,
  noticeListSchema,
  noticeQuerySchema,
  noticeTestSchema,
} from "../resources/notice.ts";
import { idSchema } from "../scalars.ts";
import { defineEndpoint } from "./endpoint.ts";

const tag = "notices";
const base = "/api/v1/notice-channels";
const params = z.object({ channelId: idSchema });

export const noticeEndpoints = {
  createChannel: defineEndpoint({
    method: "POST",
    path: base,
    permission: "notices:write",
    tag,
    summary: "Have oneself told by e-mail or webhook; the signing secret is shown only here",
    body: noticeChannelCreateSchema,
    response: noticeChannelCreatedSchema,
    status: 201,
    example: noticeExamples.createChannel,
  }),
  listChannels: defineEndpoint({
    method: "GET",
    path: base,
    permission: "notices:write",
    tag,
    summary: "List one's notice channels",
    response: noticeChannelListSchema,
    status: 200,
    example: noticeExamples.listChannels,
  }),
  updateChannel: defineEndpoint({
    method: "PATCH",
    path: `${base}/:channelId`,
    permission: "notices:write",
    tag,
    summary: "Change what a channel is told, or switch it off",
    params,
    body: noticeChannelUpdateSchema,
    response: noticeChannelSchema,
    status: 200,
    example: noticeExamples.updateChannel,
  }),
  deleteChannel: defineEndpoint({
    method: "DELETE",
    path: `${base}/:channelId`,
    permission: "notices:write",
    tag,
    summary: "Remove a channel with its notices",
    params,
    response: null,
    status: 204,
    example: noticeExamples.deleteChannel,
  }),
  testChannel: defineEndpoint({
    method: "POST",
    path: `${base}/:channelId/test`,
    permission: "notices:write",
    rateClass: "credentials",
    tag,
    summary: "Send a test notice now and say whether it came through",
    params,
    response: noticeTestSchema,
    status: 200,
    example: noticeExamples.testChannel,
  }),
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/notices",
    permission: "notices:write",
    tag,
    summary: "List what one's channels were told, newest first",
    query: noticeQuerySchema,
    response: noticeListSchema,
    status: 200,
    example: noticeExamples.list,
  }),
} as const;
