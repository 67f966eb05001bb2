import { type Presence, presenceSchema, presentPeopleSchema } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Namespace, Socket } from "socket.io";
import { z } from "zod";
import type { Notifications } from "../../database/notifications.ts";
import { createPresenceBook, mergedPeople } from "./presence-book.ts";

/** Channel on which backends tell each other who is in a conversation; the payload is the report, in JSON. */
export const presenceChannel = "agentvine_presence";

export interface PresenceDeps {
  notifications: Pick<Notifications, "on">;
  /** Tells the other backends; may get lost. */
  tell: (payload: string) => void;
  /** How often a backend repeats what it said; three times as long without a word means that it is gone. */
  repeatMs?: number;
}

const reportSchema = z.object({
  source: z.string(),
  conversationId: z.string(),
  taskId: z.string().nullable(),
  people: presentPeopleSchema,
});

/** Many changes within so long are told together. */
const togetherMs = 100;
const repeatMsDefault = 15_000;

/** Stands for the inbox among the conversations: whoever follows the events may say that they look at it. */
export const inboxRoom = "inbox";

interface Room {
  namespace: Namespace;
  taskId: string | null;
  sockets: Map<Socket, Presence & { userId: string }>;
  pending: NodeJS.Timeout | undefined;
}

const parsedJson = (payload: string): unknown => {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
};

/**
 * Who looks at a conversation and who types, at all backends. Kept in memory and told by the same bus as the wakes: what gets lost comes
 * with the next repeat, and nothing but the quiet of notices rests on it.
 */
export function createPresence({ notifications, tell, repeatMs = repeatMsDefault }: PresenceDeps) {
  const source = newId();
  const book = createPresenceBook(() => performance.now(), 3 * repeatMs);
  const rooms = new Map<string, Room>();

  const show = (conversationId: string): void => {
    // Who looks at the inbox is nobody's business.
    if (conversationId === inboxRoom) return;
    rooms.get(conversationId)?.namespace.emit("people", book.peopleIn(conversationId));
  };

  function report(conversationId: string, room: Room): void {
    room.pending = undefined;
    const people = mergedPeople([...room.sockets.values()]);
    const said = { source, conversationId, taskId: room.taskId, people };
    book.note(said);
    tell(JSON.stringify(said));
    show(conversationId);
    if (room.sockets.size === 0 && rooms.get(conversationId) === room) rooms.delete(conversationId);
  }

  const changed = (conversationId: string, room: Room): void => {
    room.pending ??= setTimeout(() => report(conversationId, room), togetherMs).unref();
  };

  const stopListening = notifications.on(presenceChannel, (payload) => {
    const said = reportSchema.safeParse(parsedJson(payload)).data;
    if (said === undefined || said.source === source) return;
    book.note(said);
    show(said.conversationId);
  });
  const repeating = setInterval(() => {
    for (const [conversationId, room] of rooms) changed(conversationId, room);
    for (const conversationId of book.sweep()) show(conversationId);
  }, repeatMs).unref();

  return {
    /** Lets a person's socket say what it does, and hear who else is there. */
    join: (
      socket: Socket,
      { conversationId, taskId, userId }: { conversationId: string; taskId: string | null; userId: string },
    ): void => {
      const room = rooms.get(conversationId) ?? {
        ...{ namespace: socket.nsp, taskId, pending: undefined },
        sockets: new Map<Socket, Presence & { userId: string }>(),
      };
      rooms.set(conversationId, room);
      room.sockets.set(socket, { userId, isLooking: false, isTyping: false });
      changed(conversationId, room);
      socket.on("presence", (given: unknown) => {
        const presence = presenceSchema.safeParse(given).data;
        if (presence === undefined || !room.sockets.has(socket)) return;
        room.sockets.set(socket, { userId, ...presence });
        changed(conversationId, room);
      });
      socket.on("disconnect", () => {
        room.sockets.delete(socket);
        changed(conversationId, room);
      });
    },
    isLooking: book.isLooking,
    isAtInbox: (userId: string): boolean => book.isAt(userId, inboxRoom),
    stop: (): void => {
      stopListening();
      clearInterval(repeating);
      for (const { pending } of rooms.values()) clearTimeout(pending);
    },
  };
}
