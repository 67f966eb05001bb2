import { coerceError, type Logger } from "@agentvine/kit";
import { RedisWakes } from "../redis/redis-wakes.ts";
import type { SharedRedis } from "../redis/shared-redis.ts";
import type { Database } from "./client.ts";
import { PostgresWakes } from "./postgres-wakes.ts";

/**
 * Called with the payload of a notification, and with "" after some may have been missed: the receiver looks for itself. Must
 * not throw.
 */
export type NotificationHandler = (payload: string) => void;

export interface Notifications {
  /** Starts to call `handler` for notifications of the channel, from this process or another; returns how to stop. */
  on(channel: string, handler: NotificationHandler): () => void;
  /** Resolves when the connection to the other processes stands and hears all channels asked for so far. */
  listening(): Promise<void>;
  close(): Promise<void>;
}

export interface NotificationsOptions {
  /** Whose committed changes are told. */
  database: Pick<Database, "url" | "onWakes">;
  /** Carries them to the other processes; undefined: PostgreSQL does. */
  redis?: SharedRedis | undefined;
  logger: Logger;
}

/**
 * The bus on which committed changes wake those who wait for them: in this process at once, in the others by one message for all
 * that happened within a few milliseconds. A message that gets lost delays, no more: every receiver also looks by itself.
 */
export function openNotifications({ database, redis, logger }: NotificationsOptions): Notifications {
  const handlers = new Map<string, Set<NotificationHandler>>();

  const deliver = (channel: string, payload: string): void => {
    for (const handler of handlers.get(channel) ?? []) {
      try {
        handler(payload);
      } catch (error) {
        logger.error({ err: coerceError(error), channel }, "a notification handler failed");
      }
    }
  };
  const byPostgres = new PostgresWakes({ url: database.url, logger, deliver });
  const transport =
    redis === undefined ? byPostgres : new RedisWakes({ redis, fallback: byPostgres, logger, deliver });
  const stopHearing = database.onWakes((wakes) => {
    for (const { channel, payload, isForAll } of wakes) {
      deliver(channel, payload);
      if (isForAll) transport.send(channel, payload);
    }
  });

  return {
    on: (channel, handler) => {
      const own = handlers.get(channel) ?? new Set();
      handlers.set(channel, own.add(handler));
      transport.listen(channel);
      return () => {
        own.delete(handler);
      };
    },
    listening: () => transport.listening(),
    close: async () => {
      stopHearing();
      await transport.close();
    },
  };
}
