import {
  conversationNamespace,
  type Event,
  eventItemsSchema,
  eventNamespace,
  type Message,
  messageItemsSchema,
  type Presence,
  type PresentPeople,
  positionSchema,
  presentPeopleSchema,
} from "@agentvine/contracts";
import { io, type Socket } from "socket.io-client";
import type { z } from "zod";

export interface LiveOptions<T> {
  readonly baseUrl: string;
  /** Bearer, or how to get it; without it the browser's session counts. */
  readonly token?: string | (() => string | undefined);
  /** CA of the backend's certificate, as PEM; only outside of browsers, which have their own. */
  readonly ca?: string;
  /** Position of the last thing seen; without it only news comes. */
  readonly since?: number;
  /** Called with each thing once, in order. */
  readonly onItem: (item: T) => void;
  /** Live once everything missed was handed out; and why not: a refusal carries the code of the error. */
  readonly onState?: (state: { isLive: boolean; code?: string }) => void;
}

/** A live connection that comes back by itself and misses nothing. */
export interface Live {
  /** Position of the last thing that was handed out. */
  position(): number | undefined;
  close(): void;
}

interface Connected extends Live {
  readonly socket: Socket;
}

function connect<T>(
  namespace: string,
  schema: z.ZodType<T[]>,
  positionOf: (item: T) => number,
  { baseUrl, token, ca, since, onItem, onState }: LiveOptions<T>,
): Connected {
  let position = since;
  const socket = io(new URL(namespace, baseUrl).href, {
    transports: ["websocket"],
    forceNew: true,
    ...(ca === undefined ? {} : { ca }),
    reconnectionDelay: 200,
    reconnectionDelayMax: 5_000,
    auth: (give) => give({ token: typeof token === "function" ? token() : token, since: position }),
  });
  socket.on("disconnect", () => onState?.({ isLive: false }));
  socket.on("connect_error", (error: Error & { data?: { code?: string } }) =>
    onState?.({ isLive: false, ...(error.data?.code === undefined ? {} : { code: error.data.code }) }),
  );
  socket.on("ready", (at: unknown) => {
    position ??= positionSchema.parse(at);
    onState?.({ isLive: true });
  });
  socket.on("items", (given: unknown, taken?: () => void) => {
    for (const item of schema.parse(given)) {
      // What came twice was seen.
      if (position !== undefined && positionOf(item) <= position) continue;
      position = positionOf(item);
      onItem(item);
    }
    taken?.();
  });
  return { socket, position: () => position, close: () => void socket.disconnect() };
}

export interface ConversationOptions extends LiveOptions<Message> {
  /** Called with everybody who is in the conversation, whenever that changes. */
  readonly onPeople?: (people: PresentPeople) => void;
}

export interface LiveConversation extends Live {
  /** Says whether this person looks at the conversation and types; said again by itself after a reconnect. */
  show(presence: Presence): void;
}

/** Follows a conversation: each message once per change. */
export function connectConversation(conversationId: string, options: ConversationOptions): LiveConversation {
  const { socket, position, close } = connect(
    conversationNamespace(conversationId),
    messageItemsSchema,
    ({ changePosition }) => changePosition,
    options,
  );
  socket.on("people", (people: unknown) => options.onPeople?.(presentPeopleSchema.parse(people)));
  return { position, close, show: presenceOf(socket) };
}

export interface LiveEvents extends Live {
  /** Says whether this person looks at the inbox; said again by itself after a reconnect. */
  show(presence: Presence): void;
}

/** Follows the events. */
export function connectEvents(options: LiveOptions<Event>): LiveEvents {
  const { socket, position, close } = connect(
    eventNamespace,
    eventItemsSchema,
    (event) => event.position,
    options,
  );
  return { position, close, show: presenceOf(socket) };
}

/** Says on a socket what this person does, also after a reconnect. */
function presenceOf(socket: Socket): (presence: Presence) => void {
  let shown: Presence | undefined;
  socket.on("connect", () => {
    if (shown !== undefined) socket.emit("presence", shown);
  });
  return (presence) => {
    shown = presence;
    if (socket.connected) socket.emit("presence", presence);
  };
}
