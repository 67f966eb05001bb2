import { Socket } from "node:net";
import { AppError } from "@agentvine/kit";
import pg from "pg";

type Client = pg.PoolClient;
type Connected = (
  error: Error | undefined,
  client: Client | undefined,
  done: (release?: unknown) => void,
) => void;

const bytesReadOf = ({ connection: { stream } }: pg.Client): number =>
  stream instanceof Socket ? stream.bytesRead : 0;

/**
 * A pool that can be told that its server has fallen silent. A server that refuses connections fails a request at once by itself; one
 * that swallows packets lets each wait for its time-out, connection by connection, long after it is known that none will come.
 */
export class GuardedPool extends pg.Pool {
  readonly #clients: Set<pg.Client>;
  #isSilent = false;

  constructor(config: pg.PoolConfig) {
    const clients = new Set<pg.Client>();
    super({
      ...config,
      // Known from the first moment on: a connection that is still being made may be the one that gets no answer.
      Client: class extends pg.Client {
        constructor(options?: pg.ClientConfig) {
          super(options);
          clients.add(this);
          this.connection.once("end", () => clients.delete(this));
        }
      },
    });
    this.#clients = clients;
  }

  /** While true, nobody gets a connection. Becoming true cuts all there are: whoever waits for an answer on one is told at once. */
  set isSilent(isSilent: boolean) {
    if (isSilent && !this.#isSilent) {
      // Also those that lie idle: after the silence the server may know nothing of them.
      for (const { connection } of this.#clients) connection.stream.destroy();
    }
    this.#isSilent = isSilent;
  }

  /** Begins to listen; the returned function tells whether the server has said anything since, on any connection. */
  listen(): () => boolean {
    const before = new Map([...this.#clients].map((client) => [client, bytesReadOf(client)]));
    return () => [...this.#clients].some((client) => bytesReadOf(client) > (before.get(client) ?? 0));
  }

  override connect(): Promise<Client>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): unknown {
    if (!this.#isSilent) {
      return callback === undefined ? super.connect() : super.connect(callback);
    }
    const error = new AppError("database.unavailable", "The database gives no answer right now.");
    if (callback === undefined) return Promise.reject(error);
    callback(error, undefined, () => {});
  }
}
