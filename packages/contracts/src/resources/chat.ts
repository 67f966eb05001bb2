import { z } from "zod";
import { pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, textSchema, timestampSchema, titleSchema } from "../scalars.ts";

export const senderKinds = ["person", "agent", "controller", "system"] as const;
export const senderKindSchema = z.enum(senderKinds).meta({ id: "SenderKind" });
export type SenderKind = z.infer<typeof senderKindSchema>;

export const messageKinds = ["text", "request", "answer", "event"] as const;
export const messageKindSchema = z.enum(messageKinds).meta({ id: "MessageKind" });
export type MessageKind = z.infer<typeof messageKindSchema>;

/** Of a message to an agent: waits for its next step, was taken by it, or was taken back before. */
export const deliveryStatuses = ["queued", "delivered", "withdrawn"] as const;
export const deliveryStatusSchema = z.enum(deliveryStatuses).meta({ id: "DeliveryStatus" });
export type DeliveryStatus = z.infer<typeof deliveryStatusSchema>;

export const conversationSchema = z
  .object({
    id: idSchema,
    /** Null: a free conversation. */
    taskId: idSchema.nullable(),
    title: z.string(),
    /** Position of its last change. */
    lastPosition: z.number().int().min(0),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: "Conversation" });

/** For a task: its one conversation, made when it is not there yet. */
export const conversationCreateSchema = z
  .union([z.object({ taskId: idSchema }).strict(), z.object({ title: titleSchema }).strict()])
  .meta({ id: "ConversationCreate" });
export const conversationQuerySchema = pageQuerySchema.extend({ taskId: idSchema.optional() });
export const conversationListSchema = pageOf("ConversationList", conversationSchema);

/** Name of a file: no path, nothing that is invisible or turns the reading direction. */
export const fileNameSchema = z
  .string()
  .min(1)
  .max(200)
  .refine((name) => !/[/\\]|^\.{1,2}$|^\s|\s$/.test(name), { message: "must be a name, not a path" })
  .refine((name) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(name), {
    message: "must not hold characters that can't be seen",
  });

/** Largest number of attachments that an installation may allow for one message. */
export const attachmentsPerMessageMax = 50;
/** Largest size in bytes that an installation may allow for one attachment. */
export const attachmentBytesMax = 1_073_741_824;

export const attachmentSchema = z
  .object({
    id: idSchema,
    name: fileNameSchema,
    /** What the bytes are, whatever the sender said. Never a type that a browser runs: HTML, SVG and XML are `text/plain`. */
    contentType: z.string(),
    sizeBytes: z.number().int().min(0),
  })
  .meta({ id: "Attachment" });
export const attachmentUploadQuerySchema = z.object({ name: fileNameSchema });

export const messageSchema = z
  .object({
    id: idSchema,
    conversationId: idSchema,
    /** Its place in the conversation. */
    position: z.number().int().min(1),
    /** Position of its last change; no later commit can put a change before it. Resume with `since`. */
    changePosition: z.number().int().min(1),
    /** The message it replies to. */
    parentId: idSchema.nullable(),
    /** Replies to it so far. A new one does not change this message. */
    replyCount: z.number().int().min(0),
    senderKind: senderKindSchema,
    senderId: z.string().nullable(),
    kind: messageKindSchema,
    /** Markdown; empty once it is withdrawn. */
    content: z.string(),
    workerRequestId: idSchema.nullable(),
    attachments: z.array(attachmentSchema),
    metadata: z.record(z.string(), z.unknown()),
    /** Null when it is not meant for an agent. */
    deliveryStatus: deliveryStatusSchema.nullable(),
    createdAt: timestampSchema,
    editedAt: timestampSchema.nullable(),
  })
  .meta({ id: "Message" });

const contentSchema = textSchema.refine((text) => text.trim() !== "", { message: "must not be empty" });
export const messageCreateSchema = z
  .object({
    content: contentSchema,
    parentId: idSchema.nullable().default(null),
    /** Of one's own uploads to this conversation that belong to no message yet. */
    attachmentIds: z.array(idSchema).max(attachmentsPerMessageMax).default([]),
  })
  .meta({ id: "MessageCreate" });
export const messageUpdateSchema = z.object({ content: contentSchema }).meta({ id: "MessageUpdate" });

const position = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const messageQuerySchema = z.object({
  /** Only what changed behind this position, in the order of the changes. */
  since: position.optional(),
  /** Only messages before this place; without `since`. */
  before: position.optional(),
  /** Only replies to this message: its thread. */
  parentId: idSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const messageListSchema = z
  .object({
    items: z.array(messageSchema),
    /** Pass it as `since` next time. */
    next: z.number().int().min(0),
  })
  .meta({ id: "MessageList" });

const attemptFields = { workOrderId: idSchema, attempt: z.int32().min(1) };
export const agentMessagesTakeSchema = z
  .object({
    ...attemptFields,
    /** Position of the last message that the agent remembers; 0 for one that has heard nothing. A repeat gets the same messages. */
    after: z.int().min(0).default(0),
  })
  .meta({ id: "AgentMessagesTake" });
/** What a message replies to. */
export const repliedToSchema = z
  .object({
    senderKind: senderKindSchema,
    senderName: z.string(),
    /** Its beginning; empty when it was taken back. */
    excerpt: z.string(),
  })
  .meta({ id: "RepliedTo" });
export const agentAttachmentSchema = attachmentSchema
  .extend({
    /** Its beginning, at most 32 KiB; null when it is no text, or those before it in this answer left no room. */
    text: z.string().nullable(),
  })
  .meta({ id: "AgentAttachment" });
/** A message as the agent gets it, who can look nothing up. */
export const agentMessageSchema = messageSchema
  .extend({
    /** What its sender is called. */
    senderName: z.string(),
    replyTo: repliedToSchema.nullable(),
    attachments: z.array(agentAttachmentSchema),
  })
  .meta({ id: "AgentMessage" });
export const agentMessageListSchema = z
  .object({ items: z.array(agentMessageSchema) })
  .meta({ id: "AgentMessageList" });
export const agentMessageCreateSchema = z
  .object({
    ...attemptFields,
    /** A repeat with the same id posts nothing new. */
    messageId: idSchema,
    content: contentSchema,
  })
  .meta({ id: "AgentMessageCreate" });

export type Conversation = z.infer<typeof conversationSchema>;
export type ConversationCreate = z.infer<typeof conversationCreateSchema>;
export type ConversationQuery = z.infer<typeof conversationQuerySchema>;
export type Attachment = z.infer<typeof attachmentSchema>;
export type Message = z.infer<typeof messageSchema>;
export type RepliedTo = z.infer<typeof repliedToSchema>;
export type AgentMessage = z.infer<typeof agentMessageSchema>;
export type MessageCreate = z.infer<typeof messageCreateSchema>;
export type MessageQuery = z.infer<typeof messageQuerySchema>;
export type AgentMessagesTake = z.infer<typeof agentMessagesTakeSchema>;
export type AgentMessageCreate = z.infer<typeof agentMessageCreateSchema>;
