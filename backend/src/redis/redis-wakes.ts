import { randomUUID } from "node:crypto";
import type { Logger } from "@agentvine/kit";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Deliver, WakeTransport } from "../database/postgres-wakes.ts";
import type { SharedRedis } from "./shared-redis.ts";

export interface RedisWakesOptions {
  redis: SharedRedis;
  /** Carries what Redis does not take. Has to deliver to the same. */
  fallback: WakeTransport;
  logger: Logger;
  deliver: Deliver;
}

/** News within this time go out in one message, the same only once. */
const gatherMs = 4;
/** A subscription without an answer is tried again on a new connection. */
const subscribeMsMax = 5_000;

const messageSchema = z.object({ from: z.string(), news: z.array(z.tuple([z.string(), z.string()])) });

/**
 * Carries wakes by Redis, all channels in one of its own. What Redis does not take goes through PostgreSQL, which every process hears
 * as well; whoever could not hear Redis for a while is told to look at everything.
 */
export class RedisWakes implements WakeTransport {
  readonly #redis: SharedRedis;
  readonly #fallback: WakeTransport;
  readonly #logger: Logger;
  readonly #deliver: Deliver;
  /** A connection that subscribes can do nothing else. */
  readonly #subscriber: Redis;
  readonly #address: string;
  readonly #self = randomUUID();
  readonly #channels = new Set<string>();
  readonly #unsent = new Map<string, [channel: string, payload: string]>();
  #sending: NodeJS.Timeout | undefined;
  #wasSubscribed = false;
  /** Settles when Redis is heard, or could not be reached for the first time. */
  readonly #tried: Promise<void>;

  constructor({ redis, fallback, logger, deliver }: RedisWakesOptions) {
    this.#redis = redis;
    this.#fallback = fallback;
    this.#logger = logger;
    this.#deliver = deliver;
    this.#address = `${redis.prefix}:wakes`;
    const subscriber = redis.client.duplicate({
      // Redis takes no name with a space in it.
      connectionName: "agentvine-wakes",
      commandTimeout: subscribeMsMax,
      autoResubscribe: false,
    });
    this.#subscriber = subscriber;
    // Redis that is away is told once, by whoever sends commands.
    subscriber.on("error", (error) =>
      logger.debug({ err: error }, "the connection that hears Redis has a fault"),
    );
    subscriber.on("message", (_address, text) => this.#receive(text));
    this.#tried = new Promise((resolve) => {
      subscriber.on("close", resolve);
      subscriber.on("end", resolve);
      subscriber.on("ready", () => void this.#subscribe().then(resolve));
    });
  }

  listen(channel: string): void {
    this.#channels.add(channel);
    this.#fallback.listen(channel);
  }

  async listening(): Promise<void> {
    await Promise.all([this.#tried, this.#fallback.listening()]);
  }

  send(channel: string, payload: string): void {
    this.#unsent.set(`${channel}\u0000${payload}`, [channel, payload]);
    this.#sending ??= setTimeout(() => void this.#flush(), gatherMs);
  }

  async close(): Promise<void> {
    clearTimeout(this.#sending);
    this.#subscriber.disconnect();
    await this.#fallback.close();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#address);
    } catch (error) {
      this.#logger.debug({ err: error }, "Redis did not take the subscription");
      if (this.#subscriber.status === "ready") this.#subscriber.disconnect(true);
      return;
    }
    if (this.#wasSubscribed) {
      for (const channel of this.#channels) this.#deliver(channel, "");
    }
    this.#wasSubscribed = true;
  }

  async #flush(): Promise<void> {
    this.#sending = undefined;
    const news = [...this.#unsent.values()];
    this.#unsent.clear();
    const message = JSON.stringify({ from: this.#self, news });
    const heardBy = await this.#redis.attempt(() => this.#redis.client.publish(this.#address, message));
    if (heardBy !== undefined) return;
    for (const [channel, payload] of news) this.#fallback.send(channel, payload);
  }

  #receive(text: string): void {
    const message = parse(text);
    if (message === undefined) {
      this.#logger.warn({ channel: this.#address }, "somebody else writes into our channel of Redis");
      return;
    }
    // Ours come back to us; they were delivered when they were sent.
    if (message.from === this.#self) return;
    for (const [channel, payload] of message.news) this.#deliver(channel, payload);
  }
}

function parse(text: string): z.infer<typeof messageSchema> | undefined {
  try {
    return messageSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
