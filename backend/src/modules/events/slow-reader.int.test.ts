import type { ServerResponse } from "node:http";
import { waitUntil } from "@agentvine/testkit";
import { expect, test } from "vitest";
import { buildTestApp } from "../../testing/build-test-app.ts";
import { readEvents } from "../../testing/event-reader.ts";

const count = 1_200;
const eventBytes = 20_000;
/** One piece and one event; see the stream. */
const bufferedBytesMax = 64 * 1_024 + 2 * eventBytes;

test("a reader that takes nothing costs little memory, is cut off, and misses nothing and sees nothing twice when it comes back", async () => {
  const streams: ServerResponse[] = [];
  await using app = await buildTestApp({
    limits: { eventStream: { stalledMsMax: 300 } },
    prepare: ({ server }) => {
      server.addHook("onRequest", async (request, reply) => {
        if (request.url.startsWith("/api/v1/events/stream")) streams.push(reply.raw);
      });
    },
  });
  await app.database.pool.query(
    `insert into events (id, type, data)
     select gen_random_uuid(), 'task.updated', jsonb_build_object('text', repeat('x', $1)) from generate_series(1, $2)`,
    [eventBytes, count],
  );
  await waitUntil(async () => (await app.events.list({ after: count - 1, limit: 1 })).items.length === 1);

  const reader = readEvents(app);
  reader.pause();
  let bufferedBytes = 0;
  const sampling = setInterval(() => {
    for (const { writableLength } of streams) bufferedBytes = Math.max(bufferedBytes, writableLength);
  }, 1);
  await waitUntil(() => streams[0]?.destroyed === true, { message: "the stalled stream to be cut off" });
  clearInterval(sampling);
  expect(bufferedBytes).toBeGreaterThan(0);
  expect(bufferedBytes).toBeLessThan(bufferedBytesMax);

  reader.resume();
  // What happened at the start of the backend comes first.
  const [last] = (
    await app.database.pool.query<{ position: number }>("select max(position)::int as position from events")
  ).rows;
  const total = last?.position ?? 0;
  expect(total).toBeGreaterThanOrEqual(count);
  await waitUntil(() => reader.seen.length >= total, { timeoutMs: 20_000 });
  expect(reader.connections).toBeGreaterThan(1);
  expect(reader.seen.map(({ position }) => position)).toEqual(
    Array.from({ length: total }, (_, index) => index + 1),
  );
  reader.stop();
}, 40_000);
