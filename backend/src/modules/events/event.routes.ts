import type { OutgoingHttpHeaders } from "node:http";
import { type Event, endpoints } from "@agentvine/contracts";
import { coerceError, isAppError } from "@agentvine/kit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { requirePermission, route } from "../../http/route.ts";
import type { EventService } from "./event.service.ts";
import type { EventFilter } from "./event.ts";
import { formatEvent, heartbeat, positionOf, writeOrGiveUp } from "./event-stream.ts";

export interface EventRoutesOptions {
  heartbeatMs?: number;
  /** A reader that takes nothing for so long is cut off; it comes back with the last id it saw. */
  stalledMsMax?: number;
}

const pageSize = 200;
/** So much, and one event, is written before the reader must have taken it. */
const bufferBytesMax = 64 * 1_024;

export function registerEventRoutes(
  app: FastifyInstance,
  events: EventService,
  { heartbeatMs = 15_000, stalledMsMax = 20_000 }: EventRoutesOptions = {},
): void {
  route(app, endpoints.system.events, ({ query }) => events.list(query));

  route(app, endpoints.system.eventStream, async ({ query, request, reply, signal }) => {
    const after = positionOf(request.headers["last-event-id"]) ?? query.after;
    const filter: EventFilter = { ...query, after, limit: pageSize };
    // Asked before the stream begins: an error can still be told as one.
    await events.list({ ...filter, limit: 1 });
    reply.hijack();
    const headers = Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined);
    reply.raw.writeHead(200, {
      ...(Object.fromEntries(headers) as OutgoingHttpHeaders),
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
    const isWelcome = () => isStillWelcome(app, request);
    const write = (text: string) => writeOrGiveUp(reply.raw, text, stalledMsMax);
    try {
      if (
        (await write("retry: 1000\n\n")) &&
        (await follow(events, filter, { write, isWelcome, heartbeatMs, signal }))
      ) {
        reply.raw.end();
      }
    } catch (error) {
      // The reader comes back by itself, with the last id it saw.
      request.log.warn({ err: coerceError(error) }, "an event stream broke off");
    }
    if (!reply.raw.writableEnded) {
      reply.raw.destroy();
    }
    return undefined;
  });
}

/** Whether the token still counts that the stream was opened with. A database that is away says nothing about it. */
async function isStillWelcome(app: FastifyInstance, { headers }: FastifyRequest): Promise<boolean> {
  try {
    requirePermission(await app.http.authenticate(headers), endpoints.system.eventStream.permission);
    return true;
  } catch (error) {
    return !(isAppError(error) && ["unauthenticated", "forbidden"].includes(error.kind));
  }
}

interface Follower {
  write: (text: string) => Promise<boolean>;
  /** Asked before anything is written. */
  isWelcome: () => Promise<boolean>;
  heartbeatMs: number;
  signal: AbortSignal;
}

/** Writes events as they come, until the signal is aborted or the reader's token no longer counts (true), or the reader takes no more (false). */
export async function follow(
  events: EventService,
  filter: EventFilter,
  { write, isWelcome, heartbeatMs, signal }: Follower,
): Promise<boolean> {
  let { after } = filter;
  let wroteAtMs = performance.now();
  while (!signal.aborted) {
    const seen = events.changeCount();
    const page = await events.list({ ...filter, after });
    const isQuiet = performance.now() - wroteAtMs >= heartbeatMs;
    if (page.items.length === 0 && !isQuiet) {
      await events.nextChange(seen, heartbeatMs - (performance.now() - wroteAtMs), signal);
      continue;
    }
    if (!(await isWelcome())) return true;
    for (const text of page.items.length === 0 ? [heartbeat] : batches(page.items)) {
      if (!(await write(text))) {
        return false;
      }
    }
    after = page.next;
    wroteAtMs = performance.now();
  }
  return true;
}

/** The events in pieces: what a slow reader has not taken yet is kept in memory, by us and for each reader. */
function* batches(items: readonly Event[]): Generator<string> {
  let text = "";
  for (const item of items) {
    text += formatEvent(item);
    if (text.length >= bufferBytesMax) {
      yield text;
      text = "";
    }
  }
  if (text !== "") yield text;
}
