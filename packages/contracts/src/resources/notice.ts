import { z } from "zod";
import { pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, nameSchema, timestampSchema } from "../scalars.ts";

/** What people are told outside of the UI. */
export const noticeTypes = [
  "request.waiting",
  "task.in_review",
  "task.completed",
  "task.failed",
  "task.blocked",
] as const;
export const noticeTypeSchema = z.enum(noticeTypes).meta({ id: "NoticeType" });
export type NoticeType = z.infer<typeof noticeTypeSchema>;

export const noticeChannelKinds = ["email", "webhook"] as const;
export const noticeChannelKindSchema = z.enum(noticeChannelKinds).meta({ id: "NoticeChannelKind" });
export type NoticeChannelKind = z.infer<typeof noticeChannelKindSchema>;

/** How the body of a webhook looks: ours with all facts, or what Slack and its like take. */
export const webhookFormats = ["json", "slack"] as const;
export const webhookFormatSchema = z.enum(webhookFormats).meta({ id: "WebhookFormat" });
export type WebhookFormat = z.infer<typeof webhookFormatSchema>;

/** `mine`: tasks one created or was given, and requests one was given; `all`: those of everybody too. */
export const noticeScopes = ["mine", "all"] as const;
export const noticeScopeSchema = z.enum(noticeScopes).meta({ id: "NoticeScope" });
export type NoticeScope = z.infer<typeof noticeScopeSchema>;

export const noticeStatuses = ["waiting", "sent", "failed", "dropped"] as const;
export const noticeStatusSchema = z.enum(noticeStatuses).meta({ id: "NoticeStatus" });
export type NoticeStatus = z.infer<typeof noticeStatusSchema>;

export const noticeChannelSchema = z
  .object({
    id: idSchema,
    kind: noticeChannelKindSchema,
    name: z.string(),
    /** E-mail address, or the webhook's address without what may be secret in it. */
    address: z.string(),
    format: webhookFormatSchema,
    types: z.array(noticeTypeSchema),
    scope: noticeScopeSchema,
    isEnabled: z.boolean(),
    createdAt: timestampSchema,
    lastSentAt: timestampSchema.nullable(),
    /** Why the last one could not be sent; empty when it could. */
    lastError: z.string(),
  })
  .meta({ id: "NoticeChannel" });

const emailAddressSchema = z.email("must be an e-mail address").max(254);
const webhookUrlSchema = z
  .string()
  .max(2_000)
  .refine((text) => /^https?:\/\/\S+$/.test(text) && URL.canParse(text), {
    message: "must be an http or https address",
  });

const choices = {
  types: z.array(noticeTypeSchema).min(1).max(noticeTypes.length),
  scope: noticeScopeSchema,
  isEnabled: z.boolean(),
};

export const noticeChannelCreateSchema = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("email"),
      name: nameSchema,
      address: emailAddressSchema,
      types: choices.types.default([...noticeTypes]),
      scope: choices.scope.default("all"),
    }),
    z.object({
      kind: z.literal("webhook"),
      name: nameSchema,
      address: webhookUrlSchema,
      format: webhookFormatSchema.default("json"),
      types: choices.types.default([...noticeTypes]),
      scope: choices.scope.default("all"),
    }),
  ])
  .meta({ id: "NoticeChannelCreate" });

/** The only response that holds the signing secret: shown once, at creation. Null for e-mail. */
export const noticeChannelCreatedSchema = z
  .object({ channel: noticeChannelSchema, signingSecret: z.string().nullable() })
  .meta({ id: "NoticeChannelCreated" });

export const noticeChannelUpdateSchema = z
  .object({ name: nameSchema, ...choices })
  .partial()
  .refine((body) => Object.keys(body).length > 0, { message: "name at least one field to change" })
  .meta({ id: "NoticeChannelUpdate" });

export const noticeChannelListSchema = z
  .object({ items: z.array(noticeChannelSchema) })
  .meta({ id: "NoticeChannelList" });

export const noticeSchema = z
  .object({
    id: idSchema,
    channelId: idSchema,
    type: noticeTypeSchema,
    taskId: idSchema.nullable(),
    workerRequestId: idSchema.nullable(),
    status: noticeStatusSchema,
    /** Tries so far. */
    tries: z.number().int().min(0),
    /** Why it failed or was dropped. */
    reason: z.string(),
    createdAt: timestampSchema,
    endedAt: timestampSchema.nullable(),
  })
  .meta({ id: "Notice" });
export const noticeQuerySchema = pageQuerySchema.extend({
  status: noticeStatusSchema.optional(),
  channelId: idSchema.optional(),
});
export const noticeListSchema = pageOf("NoticeList", noticeSchema);

/** Whether a notice that says only that it is a test came through. */
export const noticeTestSchema = z
  .object({ isSent: z.boolean(), reason: z.string() })
  .meta({ id: "NoticeTest" });

export type NoticeChannel = z.infer<typeof noticeChannelSchema>;
export type NoticeChannelCreate = z.infer<typeof noticeChannelCreateSchema>;
export type NoticeChannelUpdate = z.infer<typeof noticeChannelUpdateSchema>;
export type Notice = z.infer<typeof noticeSchema>;
export type NoticeQuery = z.infer<typeof noticeQuerySchema>;
