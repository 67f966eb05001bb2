import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/**
 * - `pass`: hand on everything.
 * - `blackhole`: take requests and never answer, as a network that swallows packets; open replies fall silent too.
 * - `drop`: end every connection at once, as a server that is down.
 */
export type ProxyMode = "pass" | "blackhole" | "drop";

export interface ProxiedRequest {
  method: string;
  /** Path with query. */
  path: string;
  headers: IncomingHttpHeaders;
}

export type RequestMatcher = (request: ProxiedRequest) => boolean;

/** An HTTP reverse proxy on a free port that breaks the network on request. WebSockets pass as well. */
export class FaultProxy {
  readonly url: string;
  #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #requests: ProxiedRequest[] = [];
  #cuts: { left: number; matches: RequestMatcher }[] = [];
  readonly #swallows = new Set<RequestMatcher>();
  #mode: ProxyMode = "pass";

  private constructor(target: string, server: Server) {
    this.#target = new URL(target);
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => this.#accept(socket));
    server.on("request", (incoming, reply) => this.#forward(incoming, reply));
    server.on("upgrade", (incoming, socket: Socket, head) => this.#tunnel(incoming, socket, head));
  }

  /** @param target address of the real server, for example `http://127.0.0.1:7070`. */
  static async start(target: string): Promise<FaultProxy> {
    const server = createServer({ requestTimeout: 0 });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FaultProxy(target, server);
  }

  /** From now on requests go there, as a load balancer does when a server is gone. What is under way is not moved. */
  switchTo(target: string): void {
    this.#target = new URL(target);
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  set mode(mode: ProxyMode) {
    this.#mode = mode;
    if (mode === "drop") {
      this.#dropConnections();
    }
  }

  /**
   * For the next `times` requests that match: the server gets and answers the request, but the connection is cut before
   * the client has seen a byte of the answer.
   */
  cutReplies(times: number, matches: RequestMatcher = () => true): void {
    this.#cuts.push({ left: times, matches });
  }

  /** Takes requests that match and never hands them on, until the returned function is called. Others pass. */
  swallow(matches: RequestMatcher): () => void {
    this.#swallows.add(matches);
    return () => {
      this.#swallows.delete(matches);
    };
  }

  /** Nothing is cut or swallowed any more. */
  heal(): void {
    this.#cuts.length = 0;
    this.#swallows.clear();
  }

  /** How many requests came in (in any mode but `drop`), of all or of those that match. */
  count(matches: RequestMatcher = () => true): number {
    return this.#requests.filter(matches).length;
  }

  get requests(): readonly ProxiedRequest[] {
    return this.#requests;
  }

  async stop(): Promise<void> {
    this.#dropConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #dropConnections(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #accept(socket: Socket): void {
    this.#track(socket);
    if (this.#mode === "drop") {
      socket.destroy();
    }
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #forward(incoming: IncomingMessage, reply: ServerResponse): void {
    const seen = this.#record(incoming);
    if (this.#mode === "blackhole" || [...this.#swallows].some((matches) => matches(seen))) {
      incoming.resume();
      return;
    }
    const isCut = this.#takeCut(seen);
    const upstream = request(new URL(seen.path, this.#target), {
      method: seen.method,
      headers: { ...incoming.headers, host: this.#target.host },
      agent: false,
    });
    upstream.on("error", () => incoming.socket.destroy());
    reply.on("close", () => upstream.destroy());
    upstream.on("response", (answer) => {
      if (isCut) {
        answer.resume().once("end", () => incoming.socket.destroy());
        return;
      }
      this.#relay(answer, reply);
    });
    incoming.pipe(upstream);
  }

  #relay(answer: IncomingMessage, reply: ServerResponse): void {
    let isSwallowed = false;
    const passes = (): boolean => {
      isSwallowed ||= this.#mode === "blackhole";
      return !isSwallowed;
    };
    if (passes()) {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      reply.flushHeaders();
    }
    answer.on("data", (chunk) => {
      if (passes()) {
        reply.write(chunk);
      }
    });
    answer.on("end", () => {
      if (passes()) {
        reply.end();
      }
    });
    // The server died in the middle of its answer.
    answer.on("error", () => reply.destroy());
  }

  #tunnel(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#record(incoming);
    if (this.#mode !== "pass") {
      return;
    }
    const upstream = connect(Number(this.#target.port), this.#target.hostname);
    this.#track(upstream);
    const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
    for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
      lines.push(`${incoming.rawHeaders[index]}: ${incoming.rawHeaders[index + 1]}`);
    }
    upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    const hand = (from: Socket, to: Socket): void => {
      from.on("data", (chunk) => {
        if (this.#mode === "pass") {
          to.write(chunk);
        }
      });
      from.once("close", () => to.destroy());
    };
    hand(upstream, socket);
    hand(socket, upstream);
  }

  #record(incoming: IncomingMessage): ProxiedRequest {
    const seen = { method: incoming.method ?? "", path: incoming.url ?? "", headers: incoming.headers };
    this.#requests.push(seen);
    return seen;
  }

  #takeCut(seen: ProxiedRequest): boolean {
    const cut = this.#cuts.find(({ matches }) => matches(seen));
    if (cut === undefined) {
      return false;
    }
    cut.left -= 1;
    this.#cuts = this.#cuts.filter(({ left }) => left > 0);
    return true;
  }
}
