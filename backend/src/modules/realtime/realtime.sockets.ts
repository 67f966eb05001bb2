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
import { refusalOf } from "../../http/host-guard.ts";
import { requirePermission } from "../../http/route.ts";
import { createFeed, type Feed, type Source } from "./feed.sockets.ts";

export interface RealtimeDeps {
  server: FastifyInstance;
  logger: Logger;
  notifications: Pick<Notifications, "on">;
  allowedHosts: readonly string[];
  channels: { conversations: string; events: string };
  events: Source<Event>;
  /** @throws AppError `conversation.not_found` */
  assertConversation: (id: string) => Promise<unknown>;
  messages: (conversationId: string) => Source<Message>;
  limits?: { bufferBytesMax?: number; stalledMsMax?: number; recheckMs?: number } | undefined;
}

const conversationPattern = new RegExp(`^${conversationNamespace("([0-9a-fA-F-]{36})")}$`);
/** What the protocol itself puts into the address. */
const protocolParameters = new Set(["EIO", "transport", "sid", "t"]);
/** While nothing wakes them, feeds look by themselves so often: a wake may get lost. */
const lookMs = 5_000;

/** Live news over Socket.IO, on the port of the server: a namespace for each conversation, and one for the events. */
export function startRealtime(deps: RealtimeDeps): void {
  const { server, logger, notifications, allowedHosts, channels, limits = {} } = deps;
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
    allowRequest: (request, decide) => decide(null, isWelcome(request, allowedHosts)),
  });
  const options = { logger, bufferBytesMax, stalledMsMax };
  const feeds = new Map<string, Feed>();

  /** Sockets come in by their own token or session; both are looked at again and again. */
  const guard = (
    namespace: Pick<Namespace, "use">,
    permission: Permission,
    extra?: (s: Socket) => Promise<unknown>,
  ) =>
    namespace.use((socket, next) => {
      admit(server, socket, permission)
        .then(() => extra?.(socket))
        .then(
          () => next(),
          (error: unknown) => next(refusal(error)),
        );
    });
  const onConnection = (socket: Socket, sourceOf: () => Source<Event> | Source<Message>): void => {
    const { nsp } = socket;
    const feed = feeds.get(nsp.name) ?? createFeed(nsp, sourceOf() as Source<unknown>, options);
    feeds.set(nsp.name, feed);
    socket.on("disconnect", () => {
      if (nsp.sockets.size === 0) feeds.delete(nsp.name);
    });
    feed.join(socket, socketAuthSchema.parse(socket.handshake.auth).since);
  };

  io.use((_socket, next) => next(new Error("There is nothing here: name a conversation, or the events.")));
  const conversations = io.of(conversationPattern);
  guard(conversations, "chat:read", (socket) => deps.assertConversation(conversationOf(socket)));
  conversations.on("connection", (socket) =>
    onConnection(socket, () => deps.messages(conversationOf(socket))),
  );
  const events = io.of(eventNamespace);
  guard(events, "events:read");
  events.on("connection", (socket) => onConnection(socket, () => deps.events));

  const wakeAll = (): void => {
    for (const feed of feeds.values()) feed.wake();
  };
  const stopListening = [
    notifications.on(channels.conversations, (id) =>
      id === "" ? wakeAll() : feeds.get(conversationNamespace(id))?.wake(),
    ),
    notifications.on(channels.events, () => feeds.get(eventNamespace)?.wake()),
  ];
  keepUp({ io, server, wakeAll, stopListening, recheckMs });
}

interface Upkeep {
  io: Server;
  server: FastifyInstance;
  wakeAll: () => void;
  stopListening: readonly (() => void)[];
  recheckMs: number;
}

/** Looks by itself now and then, cuts off whose token no longer counts, and lets go when the server stops. */
function keepUp({ io, server, wakeAll, stopListening, recheckMs }: Upkeep): void {
  const looking = setInterval(wakeAll, lookMs).unref();
  const rechecking = setInterval(() => {
    for (const namespace of io._nsps.values())
      for (const socket of namespace.sockets.values())
        admit(server, socket, namespace.name === eventNamespace ? "events:read" : "chat:read").catch(
          (error: unknown) => {
            // A database that is away says nothing about the token.
            if (isAppError(error) && ["unauthenticated", "forbidden"].includes(error.kind))
              socket.disconnect(true);
          },
        );
  }, recheckMs).unref();

  server.addHook("preClose", async () => {
    for (const stop of stopListening) stop();
    clearInterval(looking);
    clearInterval(rechecking);
    // The connections break, which tells clients to come back, elsewhere or later.
    io.engine.close();
  });
}

const conversationOf = ({ nsp }: Socket): string => idSchema.parse(nsp.name.split("/").at(-1)).toLowerCase();

function isWelcome(request: IncomingMessage, allowedHosts: readonly string[]): boolean {
  const { searchParams } = new URL(request.url ?? "/", "http://localhost");
  const isPlain = [...searchParams.keys()].every((name) => protocolParameters.has(name));
  return isPlain && refusalOf(request.headers, allowedHosts) === undefined;
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
