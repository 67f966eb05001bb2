import { createHash } from "node:crypto";
import pg from "pg";
import { type RoundsOptions, runRounds } from "../load.ts";
import type { SentStatement } from "./recorder.ts";

/**
 * Sends the recorded statements of each caller's lives again, prepared, one connection a caller and nothing else around it: the
 * most that PostgreSQL and the driver give. Returns lives per second.
 * @throws Error when not every life came to the same end as when it was recorded
 */
export async function measureReplay(
  databaseUrl: string,
  lives: readonly (readonly SentStatement[][])[],
  options: RoundsOptions,
): Promise<number> {
  const clients = await Promise.all(
    lives.map(async () => {
      const client = new pg.Client(databaseUrl);
      await client.connect();
      return client;
    }),
  );
  try {
    const perSecond = await runRounds(options, async (caller, round) => {
      for (const { text, values } of lives[caller]?.[round] ?? []) {
        await clients[caller]?.query({ name: nameOf(text), text, values: [...values] });
      }
    });
    const { rows } = (await clients[0]?.query<{ count: number }>(
      "select count(*)::int from tasks where status = 'in_review'",
    )) ?? { rows: [] };
    const expected = options.concurrency * (options.warmUpRounds + options.rounds);
    if (rows[0]?.count !== expected) {
      throw new Error(`${rows[0]?.count} of ${expected} replayed lives came to their end`);
    }
    return perSecond;
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

const names = new Map<string, string>();

const nameOf = (text: string): string => {
  const name = names.get(text) ?? createHash("sha256").update(text).digest("hex").slice(0, 32);
  names.set(text, name);
  return name;
};
