import { coerceError, type Logger } from "@agentvine/kit";
import type { Namespace, Socket } from "socket.io";

/** Things with positions that only rise, as they are kept in the database. */
export interface Source<T> {
  /** Position of the last one. */
  head(): Promise<number>;
  /** Those behind a position, in order, at most a page. */
  read(after: number): Promise<T[]>;
  positionOf(item: T): number;
}

export interface FeedOptions {
  logger: Logger;
  /** A socket with more unread bytes is cut off. */
  bufferBytesMax: number;
  /** A socket that takes nothing of its replay for so long is cut off. */
  stalledMsMax: number;
  /** Told of each socket that is cut off because it does not read. */
  onCutOff: () => void;
}

const liveRoom = "live";

/** Bytes that wait for a slow reader. */
function unreadBytes({ conn }: Socket): number {
  const { writeBuffer } = conn as unknown as { writeBuffer?: { data?: string | Buffer }[] };
  const queued = (writeBuffer ?? []).reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  return queued + conn.request.socket.writableLength;
}

/** Ends a connection at once, whatever is still to be written; the client comes back and resumes. */
const cutOff = (socket: Socket): void => {
  socket.conn.request.socket.destroy();
};

/**
 * Brings what a source holds to the sockets of a namespace: first what each has missed, then what comes. The database decides what was
 * seen; a wake that gets lost delays, no more.
 */
export function createFeed<T>(namespace: Namespace, source: Source<T>, options: FeedOptions) {
  const { logger, bufferBytesMax, stalledMsMax, onCutOff } = options;
  let position: number | undefined;
  let pumping: Promise<void> | undefined;
  let isWoken = false;

  /** Ends the connections of those who do not read. */
  function cutOffSlow(): void {
    for (const socket of namespace.sockets.values()) {
      if (unreadBytes(socket) <= bufferBytesMax) continue;
      onCutOff();
      cutOff(socket);
    }
  }

  async function pumpOnce(): Promise<void> {
    position ??= await source.head();
    for (;;) {
      isWoken = false;
      const items = await source.read(position);
      const last = items.at(-1);
      if (last === undefined) {
        if (isWoken) continue;
        pumping = undefined;
        return;
      }
      // Nothing is awaited between these: whoever joins finds the position that was sent.
      position = source.positionOf(last);
      namespace.to(liveRoom).emit("items", items);
      cutOffSlow();
    }
  }

  /** Reads on until there is nothing new; one at a time. */
  function pump(): Promise<void> {
    isWoken = true;
    // A call that comes after the last look begins anew.
    pumping ??= pumpOnce().catch((error: unknown) => {
      pumping = undefined;
      throw error;
    });
    return pumping;
  }

  /** Lets the socket hear what comes, when it has seen exactly what was sent so far. */
  async function goLive(socket: Socket, at: number): Promise<boolean> {
    // Ahead of us: another backend has shown it more. It must not get that again.
    if (at > (position ?? 0)) {
      await pump();
      // No database of ours gave it that position.
      if (at > (position ?? 0)) return await goLive(socket, position ?? 0);
    }
    if (at !== position) return false;
    void socket.join(liveRoom);
    socket.emit("ready", position);
    return true;
  }

  async function catchUp(socket: Socket, since: number | undefined): Promise<void> {
    await pump();
    let at = since ?? position ?? 0;
    while (socket.connected) {
      const items = await source.read(at);
      const last = items.at(-1);
      if (last !== undefined) {
        await socket.timeout(stalledMsMax).emitWithAck("items", items);
        at = source.positionOf(last);
      } else if (await goLive(socket, at)) {
        return;
      }
    }
  }

  return {
    wake: (): void => {
      if (namespace.sockets.size === 0) return;
      pump().catch((error: unknown) => {
        logger.warn({ err: coerceError(error), namespace: namespace.name }, "news could not be read");
      });
    },
    /** Sends what came behind `since`, then what comes, nothing missed and nothing twice. */
    join: (socket: Socket, since: number | undefined): void => {
      catchUp(socket, since).catch((error: unknown) => {
        if (socket.connected)
          logger.info({ err: coerceError(error), namespace: namespace.name }, "a replay broke off");
        if (socket.connected) onCutOff();
        cutOff(socket);
      });
    },
  };
}

export type Feed = ReturnType<typeof createFeed>;
