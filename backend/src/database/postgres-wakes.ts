import { backoffDelayMs, coerceError, type Logger, sleep } from "@agentvine/kit";
import pg from "pg";
import { connectionOptions } from "./connection-options.ts";
import { isDatabaseUnavailable, sqlStateOf } from "./database-error.ts";

/** Carries wakes between the processes that share a database. */
export interface WakeTransport {
  /** Hears the channel from now on. */
  listen(channel: string): void;
  /** Resolves when the connection stands and hears all channels asked for so far. */
  listening(): Promise<void>;
  /** Tells the other processes, not this one. Returns at once and never throws; what can't be sent now is sent when it can be. */
  send(channel: string, payload: string): void;
  close(): Promise<void>;
}

/** Called with news from other processes, and with the payload "" on every channel after some may have been missed. */
export type Deliver = (channel: string, payload: string) => void;

const reconnectBackoff = { baseMs: 100, maxMs: 5_000 };
/** News within this time go out in one statement, the same only once. */
const gatherMs = 4;
/** More than this is not kept while the connection is away: the channels are told that something may have been missed. */
const unsentMax = 1_000;

const separator = "\u0000";

/** The one connection of this process that listens and notifies; comes back by itself after PostgreSQL restarted. */
export class PostgresWakes implements WakeTransport {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #deliver: Deliver;
  readonly #channels = new Set<string>();
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  #unsent = new Set<string>();
  #sending: NodeJS.Timeout | undefined;
  #client: (pg.Client & { processID?: number }) | undefined;
  #wasConnected = false;
  /** Settles when every LISTEN sent so far has been answered. */
  #ready: Promise<void>;
  #setReady: () => void = () => {};

  constructor({ url, logger, deliver }: { url: string; logger: Logger; deliver: Deliver }) {
    this.#url = url;
    this.#logger = logger;
    this.#deliver = deliver;
    this.#ready = this.#newReady();
    this.#loop = this.#keepConnected();
  }

  listen(channel: string): void {
    if (this.#channels.has(channel)) {
      return;
    }
    this.#channels.add(channel);
    const client = this.#client;
    if (client !== undefined) {
      // One after the other. A failure here means that the connection broke; it listens to everything when it is back.
      this.#ready = this.#ready.then(async () => {
        // security: no-raw-sql-of-values because LISTEN takes no parameters; the channel is one of ours and quoted
        await client.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => {});
      });
    }
  }

  listening(): Promise<void> {
    return this.#ready;
  }

  send(channel: string, payload: string): void {
    if (this.#unsent.size < unsentMax) {
      this.#unsent.add(channel + separator + payload);
    } else {
      this.#unsent = new Set([...this.#channels].map((one) => one + separator));
    }
    this.#sending ??= setTimeout(() => void this.#flush(), gatherMs);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#sending);
    await this.#client?.end().catch(() => {});
    await this.#loop;
  }

  async #flush(): Promise<void> {
    const client = this.#client;
    if (client === undefined) {
      this.#sending = undefined;
      return;
    }
    const news = [...this.#unsent];
    this.#unsent.clear();
    const [channels, payloads] = [0, 1].map((part) => news.map((one) => one.split(separator)[part] ?? ""));
    try {
      await client.query({
        name: "notify",
        text: "select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as news(channel, payload)",
        values: [channels, payloads],
      });
    } catch (error) {
      if (sqlStateOf(error) === undefined || isDatabaseUnavailable(error)) {
        // The connection broke; they go out when it is back.
        for (const one of news) this.#unsent.add(one);
      } else {
        // PostgreSQL refuses them, as when its queue is full: the others find what they wait for by themselves.
        this.#logger.warn({ err: coerceError(error) }, "could not tell other backends to look");
      }
    }
    this.#sending =
      this.#unsent.size > 0 && this.#client !== undefined
        ? setTimeout(() => void this.#flush(), gatherMs)
        : undefined;
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
    const client: pg.Client & { processID?: number } = new pg.Client({
      ...connectionOptions(this.#url),
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
    client.on("notification", ({ channel, payload, processId }) => {
      // Ours come back to us; they were delivered when they were sent.
      if (processId !== client.processID) this.#deliver(channel, payload ?? "");
    });
    try {
      await client.connect();
      // Whoever closes ends a connection that stands; this one did not yet.
      if (this.#closing.signal.aborted) return;
      this.#client = client;
      for (const channel of this.#channels) {
        // security: no-raw-sql-of-values because LISTEN takes no parameters; the channel is one of ours and quoted
        await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      }
      onStanding();
      this.#setReady();
      if (this.#wasConnected) {
        for (const channel of this.#channels) this.#deliver(channel, "");
      }
      this.#wasConnected = true;
      if (this.#unsent.size > 0) this.#sending ??= setTimeout(() => void this.#flush(), 0);
      await ended;
    } finally {
      await client.end().catch(() => {});
    }
  }
}
