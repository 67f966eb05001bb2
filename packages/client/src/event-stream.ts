import { type Event, endpoints, eventSchema } from "@agentvine/contracts";
import { createParser } from "eventsource-parser";
import { ApiError, isApiError } from "./api-error.ts";
import type { Client } from "./client.ts";
import { linkSignals } from "./linked-signal.ts";

export interface EventStreamOptions {
  /** Position to go on after; 0 is the beginning. */
  readonly after?: number;
  readonly taskId?: string;
  readonly executionId?: string;
  readonly signal: AbortSignal;
  /** Longest pause before the next try to connect; 5 s unless told. */
  readonly reconnectMsMax?: number;
  /** Told when the connection is lost (with the error) and when it holds again. Must not throw. */
  readonly onConnection?: (state: "open" | "lost", error?: unknown) => void;
}

/**
 * Events in the order of their position, each exactly once, over any number of reconnections: it resumes after the last one it
 * yielded. Ends when the signal fires. @throws ApiError for what a new connection can't mend (401, 403, 404).
 */
export async function* streamEvents(
  client: Client,
  options: EventStreamOptions,
): AsyncGenerator<Event, void, undefined> {
  const { signal, onConnection, reconnectMsMax = 5_000 } = options;
  let position = options.after ?? 0;
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const event of connection(client, options, position)) {
        failures = 0;
        if (event.position <= position) continue;
        position = event.position;
        yield event;
      }
    } catch (error) {
      failures += 1;
      if (isFinal(error, signal)) throw error;
      if (!signal.aborted) onConnection?.("lost", error);
    }
    await pause(Math.min(reconnectMsMax, 100 * 2 ** failures) * Math.random(), signal);
  }
}

const isFinal = (error: unknown, signal: AbortSignal): boolean =>
  !signal.aborted && isApiError(error) && !error.retryable;

async function* connection(
  client: Client,
  options: EventStreamOptions,
  after: number,
): AsyncGenerator<Event, void, undefined> {
  using linked = linkSignals(options.signal);
  // Also when whoever reads the events stops in the middle: the connection must not stay open.
  try {
    const response = await client.open(endpoints.system.eventStream, {
      query: { after, taskId: options.taskId, executionId: options.executionId },
      signal: linked.signal,
    });
    if (response.body === null) throw new ApiError("server.unreachable", "the event stream has no body");
    options.onConnection?.("open");
    yield* eventsOf(response.body.getReader(), linked.signal);
  } finally {
    linked.abort();
  }
}

interface ChunkReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

async function* eventsOf(reader: ChunkReader, signal: AbortSignal): AsyncGenerator<Event, void, undefined> {
  // A cancelled reader ends a read that waits, whatever fetch makes of the signal.
  signal.addEventListener("abort", () => void reader.cancel().catch(() => undefined), { once: true });
  const ready: Event[] = [];
  const parser = createParser({
    onEvent: (message) => {
      const event = eventSchema.safeParse(JSON.parse(message.data));
      // An event type of a newer backend is passed over, never fatal.
      if (event.success) ready.push(event.data);
    },
  });
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return;
    parser.feed(decoder.decode(value, { stream: true }));
    yield* ready.splice(0);
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
