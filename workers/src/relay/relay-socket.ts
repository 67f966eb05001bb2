import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { createBoundedLines } from "./bounded-lines.ts";
import {
  lineBytesMax,
  type RelayCall,
  type RelayReply,
  type ToRelay,
  toExecutorSchema,
  toLine,
} from "./relay-protocol.ts";

export interface RelaySocketOptions {
  /** Of the socket; at most `socketPathBytesMax`. Its folder is private already. */
  readonly path: string;
  /** Must not throw. The signal fires when nobody waits for the answer any more. */
  readonly handle: (call: RelayCall, signal: AbortSignal) => Promise<RelayReply>;
}

export interface RelaySocket {
  /** Whether an agent has asked for the list of tools. */
  hasListed(): boolean;
  /** Tells whoever is connected to end, cuts the connections and takes no more. Idempotent. */
  close(): Promise<void>;
}

/** What the systems we run on take as the address of a socket, with some room. */
export const socketPathBytesMax = 100;

/** An agent starts one relay, some of its sub-agents another. */
const connectionsMax = 8;
const callsMax = 8;
/** Whoever sends so many lines that are no messages will not begin to send some. */
const refusalsMax = 20;
const goodbyeMsMax = 200;

/** Listens for relays. Whoever can open the socket may call: what keeps others away is the folder. @throws when it can't listen */
export const openRelaySocket = async ({ path, handle }: RelaySocketOptions): Promise<RelaySocket> => {
  const connections = new Set<Connection>();
  const sockets = new Set<Socket>();
  let hasListed = false;
  let isClosed = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    if (connections.size >= connectionsMax) {
      const reason = `There are ${connectionsMax} connections already: use one of them, or end one.`;
      socket.write(toLine({ type: "refused", reason }));
      socket.destroySoon();
      return;
    }
    const connection = new Connection(socket, handle, () => {
      hasListed = true;
    });
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
  });
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    hasListed: () => hasListed,
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.end();
      // Whoever does not read is not waited for.
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, goodbyeMsMax);
      await closed;
      clearTimeout(late);
    },
  };
};

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      // A connection that could not be accepted is the other side's business.
      server.on("error", () => undefined);
      resolve();
    });
  });

/** One relay that is connected, or whoever says that it is one. */
class Connection {
  readonly #socket: Socket;
  readonly #handle: RelaySocketOptions["handle"];
  readonly #onListed: () => void;
  readonly #calls = new Map<number, AbortController>();
  #refusals = 0;

  constructor(socket: Socket, handle: RelaySocketOptions["handle"], onListed: () => void) {
    this.#socket = socket;
    this.#handle = handle;
    this.#onListed = onListed;
    socket.once("close", () => this.#abandon());
    socket.on(
      "data",
      createBoundedLines({
        bytesMax: lineBytesMax,
        onLine: (line) => this.#take(line),
        onTooLong: () => this.#refuse(`A line has more than ${lineBytesMax} bytes: send less at once.`),
      }),
    );
  }

  end(): void {
    this.#abandon();
    this.#say({ type: "bye" });
    this.#socket.destroySoon();
  }

  #take(line: string): void {
    if (this.#refusals >= refusalsMax) return;
    const parsed = toExecutorSchema.safeParse(readJson(line));
    if (!parsed.success) {
      this.#refuse("A line is no message of this protocol: it was passed over.");
      return;
    }
    const message = parsed.data;
    if (message.type === "listed") this.#onListed();
    else if (message.type === "cancel") this.#calls.get(message.id)?.abort("cancelled");
    else void this.#run(message.id, { tool: message.tool, arguments: message.arguments });
  }

  async #run(id: number, call: RelayCall): Promise<void> {
    if (this.#calls.has(id)) return this.#refuse(`The id ${id} is in use: give each call one of its own.`);
    if (this.#calls.size >= callsMax) {
      const text = `${callsMax} calls are waiting for their answers already: wait for one of them.`;
      return this.#say({ type: "result", id, isError: true, text, data: null });
    }
    const abort = new AbortController();
    this.#calls.set(id, abort);
    const reply = await this.#handle(call, abort.signal);
    this.#calls.delete(id);
    if (!abort.signal.aborted) this.#say({ type: "result", id, ...reply });
  }

  #refuse(reason: string): void {
    this.#refusals += 1;
    this.#say({ type: "refused", reason });
    if (this.#refusals >= refusalsMax) this.#socket.destroySoon();
  }

  #say(message: ToRelay): void {
    if (this.#socket.writable) this.#socket.write(toLine(message));
    // It asks and does not read: the answers would fill our memory.
    if (this.#socket.writableLength > lineBytesMax) this.#socket.destroy();
  }

  #abandon(): void {
    for (const call of this.#calls.values()) call.abort("closed");
  }
}

const readJson = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};
