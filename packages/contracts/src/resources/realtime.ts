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

/** Namespace of a conversation. */
export const conversationNamespace = (conversationId: string): string => `/api/v1/chat/ws/${conversationId}`;
/** Namespace of the events. */
export const eventNamespace = "/api/v1/events/ws";

export type SocketAuth = z.infer<typeof socketAuthSchema>;
