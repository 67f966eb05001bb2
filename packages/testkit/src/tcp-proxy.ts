import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * - `pass`: hand on everything.
 * - `blackhole`: take connections and bytes and hand on nothing, as a network that swallows packets. What was held back flows again
 *   afterwards.
 * - `refuse`: break every connection and take no new one, as a server that is down.
 */
export type TcpProxyMode = "pass" | "blackhole" | "refuse";

/** A TCP proxy on a free port in front of a server such as PostgreSQL; breaks the network on request. */
export class TcpProxy {
  readonly port: number;
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #pairs = new Set<{ near: Socket; far: Socket | undefined }>();
  #mode: TcpProxyMode = "pass";

  private constructor(target: { host: string; port: number }, server: Server) {
    this.#target = target;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (near) => this.#accept(near));
  }

  /** @param url address of the real server, for example `postgres://user@127.0.0.1:5432/name`. */
  static async start(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy({ host: hostname, port: Number(port) }, server);
  }

  /** The same address by way of the proxy. */
  urlOf(url: string): string {
    const own = new URL(url);
    own.hostname = "127.0.0.1";
    own.port = String(this.port);
    return own.href;
  }

  /** How many connections stand. */
  get connections(): number {
    return this.#pairs.size;
  }

  async set(mode: TcpProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === "refuse") {
      this.cut();
      if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
      return;
    }
    if (!this.#server.listening) {
      this.#server.listen(this.port, "127.0.0.1");
      await once(this.#server, "listening");
    }
    for (const pair of this.#pairs) this.#apply(pair);
  }

  /** Breaks every connection that stands. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far?.destroy();
    }
  }

  async stop(): Promise<void> {
    await this.set("refuse");
  }

  #accept(near: Socket): void {
    const pair: { near: Socket; far: Socket | undefined } = { near, far: undefined };
    this.#pairs.add(pair);
    near.pause();
    near.on("error", () => near.destroy());
    near.once("close", () => {
      this.#pairs.delete(pair);
      pair.far?.destroy();
    });
    this.#apply(pair);
  }

  #apply(pair: { near: Socket; far: Socket | undefined }): void {
    if (this.#mode === "blackhole") {
      pair.near.pause();
      pair.far?.pause();
      return;
    }
    if (pair.far === undefined) {
      this.#open(pair);
    }
    pair.near.resume();
    pair.far?.resume();
  }

  #open(pair: { near: Socket; far: Socket | undefined }): void {
    const { near } = pair;
    const far = connect(this.#target);
    pair.far = far;
    const hand = (from: Socket, to: Socket): void => {
      from.on("data", (chunk) => to.write(chunk));
      from.on("end", () => to.end());
    };
    far.on("error", () => far.destroy());
    far.once("close", () => near.destroy());
    hand(near, far);
    hand(far, near);
  }
}
