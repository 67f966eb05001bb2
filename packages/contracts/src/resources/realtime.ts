import { z } from "zod";
import { messageSchema } from "./chat.ts";
import { eventSchema } from "./event.ts";

/** What a socket says of itself when it connects; never in the address. */
export const socketAuthSchema = z.object({
  /** Bearer; without it the browser's session counts. */
  token: z.string().max(4_096).optional(),
  /** Position of the last thing seen: everything behind it comes first. Without it only news comes. */
  since: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});

/** What the server sends on `ready`: from here on everything comes as it happens. */
export const positionSchema = z.number().int().min(0);
/** What the server sends on `items`, in the order of positions; acknowledge it while replaying. */
export const messageItemsSchema = z.array(messageSchema);
export const eventItemsSchema = z.array(eventSchema);

/** What a person's socket says on `presence`, as often as it changes. It ends with the socket. */
export const presenceSchema = z.object({
  /** The conversation (on the events: the inbox) is before their eyes: a visible tab, not one in the background. */
  isLooking: z.boolean(),
  isTyping: z.boolean(),
});
/** So many people of one conversation are told of. */
export const presentPeopleMax = 50;
/** What the server sends on `people`: everybody who is there, whenever that changes. */
export const presentPeopleSchema = z
  .array(presenceSchema.extend({ userId: z.string().max(100) }))
  .max(presentPeopleMax);

/** Namespace of a conversation. */
export const conversationNamespace = (conversationId: string): string => `/api/v1/chat/ws/${conversationId}`;
/** Namespace of the events. */
export const eventNamespace = "/api/v1/events/ws";

export type SocketAuth = z.infer<typeof socketAuthSchema>;
export type Presence = z.infer<typeof presenceSchema>;
export type PresentPeople = z.infer<typeof presentPeopleSchema>;
