import { backoffDelayMs, coerceError, type Logger, sleep } from "@agentvine/kit";
import { sql } from "drizzle-orm";
import pg from "pg";
import type { Db, Tx } from "./client.ts";

/**
 * Called with the payload of a notification, and with "" after the connection was lost for a while: something may have been
 * missed, the receiver looks for itself. Must not throw.
 */
export type NotificationHandler = (payload: string) => void;

/** Sends a notification when (and only if) the transaction commits. At most 8000 bytes. */
export async function notify(tx: Tx | Db, channel: string, payload = ""): Promise<void> {
  await tx.execute(sql`select pg_notify(${channel}, ${payload})`);
}

export interface Notifications {
  /** Starts to call `handler` for notifications of the channel; returns how to stop. */
  on(channel: string, handler: NotificationHandler): () => void;
  /** Resolves when the listening connection stands and listens to all channels asked for so far. */
  listening(): Promise<void>;
  close(): Promise<void>;
}

export interface NotificationsOptions {
  url: string;
  logger: Logger;
}

const reconnectBackoff = { baseMs: 100, maxMs: 5_000 };

/** The one connection of this process that listens; comes back by itself after PostgreSQL restarted. */
export function openNotifications({ url, logger }: NotificationsOptions): Notifications {
  return new ListeningConnection(url, logger);
}

class ListeningConnection implements Notifications {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #handlers = new Map<string, Set<NotificationHandler>>();
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  #client: pg.Client | undefined;
  #wasConnected = false;
  /** Settles when every LISTEN sent so far has been answered. */
  #ready: Promise<void>;
  #setReady: () => void = () => {};

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#logger = logger;
    this.#ready = this.#newReady();
    this.#loop = this.#keepConnected();
  }

  on(channel: string, handler: NotificationHandler): () => void {
    const handlers = this.#handlers.get(channel) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(handler);
    this.#handlers.set(channel, handlers);
    const client = this.#client;
    if (isNew && client !== undefined) {
      // One after the other. A failure here means that the connection broke; it listens to everything when it is back.
      this.#ready = this.#ready.then(async () => {
        await client.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => {});
      });
    }
    return () => {
      handlers.delete(handler);
    };
  }

  listening(): Promise<void> {
    return this.#ready;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client?.end().catch(() => {});
    await this.#loop;
  }

  #newReady(): Promise<void> {
    return new Promise((resolve) => {
      this.#setReady = resolve;
    });
  }

  async #keepConnected(): Promise<void> {
    for (let failures = 0; !this.#closing.signal.aborted; failures += 1) {
      try {
        await this.#serveOneConnection(() => {
          failures = 0;
        });
      } catch (error) {
        this.#logger.warn({ err: coerceError(error) }, "lost the connection that listens for notifications");
      }
      this.#client = undefined;
      this.#ready = this.#newReady();
      await sleep(backoffDelayMs(failures + 1, reconnectBackoff), this.#closing.signal).catch(() => {});
    }
    this.#setReady();
  }

  /** Connects, listens, and resolves or throws when the connection has ended. */
  async #serveOneConnection(onStanding: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: "agentvine notifications",
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    const ended = new Promise<void>((resolve, reject) => {
      client.on("error", reject);
      client.on("end", resolve);
    });
    // Observed here as well: it may be rejected while we still wait for the connection.
    ended.catch(() => {});
    client.on("notification", ({ channel, payload }) => this.#deliver(channel, payload ?? ""));
    try {
      await client.connect();
      this.#client = client;
      for (const channel of this.#handlers.keys()) {
        await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      }
      onStanding();
      this.#setReady();
      if (this.#wasConnected) {
        for (const channel of this.#handlers.keys()) {
          this.#deliver(channel, "");
        }
      }
      this.#wasConnected = true;
      await ended;
    } finally {
      await client.end().catch(() => {});
    }
  }

  #deliver(channel: string, payload: string): void {
    for (const handler of this.#handlers.get(channel) ?? []) {
      try {
        handler(payload);
      } catch (error) {
        this.#logger.error({ err: coerceError(error), channel }, "a notification handler failed");
      }
    }
  }
}
