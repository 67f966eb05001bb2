import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import {
  conversationNamespace,
  type Event,
  eventNamespace,
  idSchema,
  type Message,
  type Permission,
  socketAuthSchema,
} from "@agentvine/contracts";
import { AppError, coerceError, isAppError, type Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import { type Namespace, Server, type Socket } from "socket.io";
import type { Actor } from "../../actor.ts";
import type { Notifications } from "../../database/notifications.ts";
import { refusalOf, type Welcome } from "../../http/host-guard.ts";
import { requirePermission } from "../../http/route.ts";
import { createFeed, type Feed, type Source } from "./feed.sockets.ts";
import { createPresence, inboxRoom } from "./presence.sockets.ts";

export interface RealtimeDeps {
  server: FastifyInstance;
  logger: Logger;
  notifications: Pick<Notifications, "on">;
  welcome: Welcome;
  /** `callers`: where it is told that tokens may count no longer. */
  channels: { conversations: string; events: string; callers: readonly string[] };
  events: Source<Event>;
  /** @throws AppError `conversation.not_found` */
  assertConversation: (id: string) => Promise<{ taskId: string | null }>;
  /** Tells the other backends who is in a conversation; may get lost. */
  tellPresence: (payload: string) => void;
  /** Live connections that one caller may have at this backend. */
  socketsPerCallerMax: number;
  messages: (conversationId: string) => Source<Message>;
  limits?:
    | { bufferBytesMax?: number; stalledMsMax?: number; recheckMs?: number; presenceRepeatMs?: number }
    | undefined;
}

const conversationPattern = new RegExp(`^${conversationNamespace("([0-9a-fA-F-]{36})")}$`);
/** What the protocol itself puts into the address. */
const protocolParameters = new Set(["EIO", "transport", "sid", "t"]);
/** While nothing wakes them, feeds look by themselves so often: a wake may get lost. */
const lookMs = 5_000;

/** What is to be known of the live connections. */
export interface Realtime {
  /** Whether a person has the conversation of a task before their eyes now, at any backend. */
  isLooking(userId: string, taskId: string): boolean;
  /** Whether a person has the inbox before their eyes now, at any backend. */
  isAtInbox(userId: string): boolean;
  /** Sockets by what they follow. */
  counts(): { conversations: number; events: number };
  /** How many were cut off so far because they did not read. */
  cutOffs(): number;
}

/** Live news over Socket.IO, on the port of the server: a namespace for each conversation, and one for the events. */
export function startRealtime(deps: RealtimeDeps): Realtime {
  const { server, logger, notifications, welcome, channels, limits = {} } = deps;
  const { bufferBytesMax = 1_048_576, stalledMsMax = 20_000, recheckMs = 5_000 } = limits;
  // No polling: a connection stays with one backend, and there is one buffer to watch.
  const io = new Server(server.server, {
    transports: ["websocket"],
    serveClient: false,
    maxHttpBufferSize: 16_384,
    connectTimeout: 10_000,
    pingInterval: 20_000,
    pingTimeout: 20_000,
    cleanupEmptyChildNamespaces: true,
    allowRequest: (request, decide) => decide(null, isWelcome(request, welcome)),
  });
  let cutOffs = 0;
  const onCutOff = (): void => {
    cutOffs += 1;
  };
  const options = { logger, bufferBytesMax, stalledMsMax, onCutOff };
  const callers = createCallerCount(deps.socketsPerCallerMax);
  const presence = createPresence({
    ...{ notifications, tell: deps.tellPresence },
    ...(limits.presenceRepeatMs === undefined ? {} : { repeatMs: limits.presenceRepeatMs }),
  });
  const feeds = new Map<string, Feed>();

  /** Sockets come in by their own token or session; both are looked at again and again. */
  const guard = (
    namespace: Pick<Namespace, "use">,
    permission: Permission,
    extra?: (s: Socket) => Promise<unknown>,
  ) =>
    namespace.use((socket, next) => {
      admit(server, socket, permission)
        .then((actor) => {
          callers.assertRoom(actor);
          socket.data = { actor };
          return extra?.(socket);
        })
        .then(
          () => next(),
          (error: unknown) => next(refusal(error)),
        );
    });
  /** Lets a socket follow; false when it was sent away. */
  const onConnection = (socket: Socket, sourceOf: () => Source<Event> | Source<Message>): boolean => {
    const { nsp } = socket;
    // It was let in while the last other one left, and its namespace went with that: a closed connection makes it come back, to the new one.
    if (io._nsps.get(nsp.name) !== nsp) {
      socket.conn.close();
      return false;
    }
    // Those who were let in at the same moment are counted here.
    if (!callers.enter(socket)) {
      socket.disconnect(true);
      return false;
    }
    const feed = feeds.get(nsp.name) ?? createFeed(nsp, sourceOf() as Source<unknown>, options);
    feeds.set(nsp.name, feed);
    socket.on("disconnect", () => {
      if (nsp.sockets.size === 0) feeds.delete(nsp.name);
    });
    feed.join(socket, socketAuthSchema.parse(socket.handshake.auth).since);
    return socket.connected;
  };

  io.use((_socket, next) => next(new Error("There is nothing here: name a conversation, or the events.")));
  const conversations = io.of(conversationPattern);
  guard(conversations, "chat:read", async (socket) => {
    socket.data = { ...socket.data, conversation: await deps.assertConversation(conversationOf(socket)) };
  });
  conversations.on("connection", (socket) => {
    const conversationId = conversationOf(socket);
    if (!onConnection(socket, () => deps.messages(conversationId))) return;
    const { actor, conversation } = socket.data as { actor: Actor; conversation: { taskId: string | null } };
    // A program that follows a conversation is nobody who looks.
    if (actor.kind === "user")
      presence.join(socket, { conversationId, taskId: conversation.taskId, userId: actor.userId });
  });
  const events = io.of(eventNamespace);
  guard(events, "events:read");
  events.on("connection", (socket) => {
    if (!onConnection(socket, () => deps.events)) return;
    const { actor } = socket.data as { actor: Actor };
    if (actor.kind === "user")
      presence.join(socket, { conversationId: inboxRoom, taskId: null, userId: actor.userId });
  });

  const wakeAll = (): void => {
    for (const feed of feeds.values()) feed.wake();
  };
  const stopListening = [
    notifications.on(channels.conversations, (id) =>
      id === "" ? wakeAll() : feeds.get(conversationNamespace(id))?.wake(),
    ),
    notifications.on(channels.events, () => feeds.get(eventNamespace)?.wake()),
    ...channels.callers.map((channel) => notifications.on(channel, () => recheckAll(io, server))),
  ];
  keepUp({ io, server, wakeAll, stopListening: [...stopListening, presence.stop], recheckMs });
  const { isLooking, isAtInbox } = presence;
  return { isLooking, isAtInbox, counts: () => socketCounts(io), cutOffs: () => cutOffs };
}

function socketCounts(io: Server): { conversations: number; events: number } {
  const counts = { conversations: 0, events: 0 };
  for (const { name, sockets } of io._nsps.values()) {
    if (name !== "/") counts[name === eventNamespace ? "events" : "conversations"] += sockets.size;
  }
  return counts;
}

const callerOf = ({ kind, id }: Actor): string => `${kind}:${id}`;

/** Counts the live connections of each caller. */
function createCallerCount(socketsMax: number) {
  const counts = new Map<string, number>();
  const countOf = (caller: string): number => counts.get(caller) ?? 0;
  return {
    /** @throws AppError `socket.limit_reached` */
    assertRoom: (actor: Actor): void => {
      if (countOf(callerOf(actor)) >= socketsMax)
        throw new AppError("socket.limit_reached", `A caller may have ${socketsMax} live connections.`);
    },
    /** False when there is no room any more. */
    enter: (socket: Socket): boolean => {
      const caller = callerOf((socket.data as { actor: Actor }).actor);
      if (countOf(caller) >= socketsMax) return false;
      counts.set(caller, countOf(caller) + 1);
      socket.on("disconnect", () => {
        const left = countOf(caller) - 1;
        if (left > 0) counts.set(caller, left);
        else counts.delete(caller);
      });
      return true;
    },
  };
}

interface Upkeep {
  io: Server;
  server: FastifyInstance;
  wakeAll: () => void;
  stopListening: readonly (() => void)[];
  recheckMs: number;
}

/** Cuts off whose token no longer counts. */
function recheckAll(io: Server, server: FastifyInstance): void {
  for (const namespace of io._nsps.values())
    for (const socket of namespace.sockets.values())
      admit(server, socket, namespace.name === eventNamespace ? "events:read" : "chat:read").catch(
        (error: unknown) => {
          // A database that is away says nothing about the token.
          if (isAppError(error) && ["unauthenticated", "forbidden"].includes(error.kind))
            socket.disconnect(true);
        },
      );
}

/** Looks by itself now and then, and lets go when the server stops. */
function keepUp({ io, server, wakeAll, stopListening, recheckMs }: Upkeep): void {
  const looking = setInterval(wakeAll, lookMs).unref();
  const rechecking = setInterval(() => recheckAll(io, server), recheckMs).unref();

  server.addHook("preClose", async () => {
    for (const stop of stopListening) stop();
    clearInterval(looking);
    clearInterval(rechecking);
    // The connections break, which tells clients to come back, elsewhere or later.
    io.engine.close();
  });
}

const conversationOf = ({ nsp }: Socket): string => idSchema.parse(nsp.name.split("/").at(-1)).toLowerCase();

function isWelcome(request: IncomingMessage, welcome: Welcome): boolean {
  const { searchParams } = new URL(request.url ?? "/", "http://localhost");
  const isPlain = [...searchParams.keys()].every((name) => protocolParameters.has(name));
  return isPlain && refusalOf(request.headers, welcome) === undefined;
}

/** @throws AppError when the socket may not be here (any more) */
async function admit(server: FastifyInstance, socket: Socket, permission: Permission): Promise<Actor> {
  const given = socketAuthSchema.safeParse(socket.handshake.auth);
  if (!given.success) throw new AppError("request.invalid", "The request is not valid: auth.");
  const { token } = given.data;
  const headers: IncomingHttpHeaders =
    token === undefined
      ? {
          ...(socket.handshake.headers.cookie === undefined
            ? {}
            : { cookie: socket.handshake.headers.cookie }),
        }
      : { authorization: `Bearer ${token}` };
  const actor = await server.http.authenticate(headers);
  requirePermission(actor, permission);
  return actor;
}

/** What a refused socket is told. */
function refusal(error: unknown): Error {
  const { code, message } = isAppError(error)
    ? error
    : { code: "internal.unexpected", message: coerceError(error).name };
  return Object.assign(new Error(message), { data: { code, message } });
}
