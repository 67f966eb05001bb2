import type { ServerResponse } from "node:http";
import type { Event } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { createClient } from "./client.ts";
import { streamEvents } from "./event-stream.ts";
import { json, serve } from "./testing/http-server.ts";

const event = (position: number): Event => ({
  id: `01890a5d-ac96-774b-bcce-${String(position).padStart(12, "0")}`,
  position,
  type: "task.queued",
  taskId: null,
  workOrderId: null,
  executionId: null,
  workerId: null,
  attempt: null,
  correlationId: null,
  data: {},
  occurredAt: "2026-01-01T00:00:00.000Z",
});

const send = (response: ServerResponse, ...events: unknown[]): void => {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  for (const item of events) response.write(`data: ${JSON.stringify(item)}\n\n`);
};

describe("streamEvents", () => {
  it("resumes after the last event over lost connections and yields each exactly once", async () => {
    let connections = 0;
    const { url, seen } = await serve((_, response) => {
      connections += 1;
      if (connections === 1) {
        send(response, event(1), event(2));
        response.end();
      } else if (connections === 2) {
        response.destroy();
      } else {
        send(response, event(2), event(3), event(4));
      }
    });
    const controller = new AbortController();
    const states: string[] = [];
    const positions: number[] = [];
    const stream = streamEvents(createClient({ baseUrl: url }), {
      signal: controller.signal,
      reconnectMsMax: 10,
      onConnection: (state) => states.push(state),
    });
    for await (const item of stream) {
      positions.push(item.position);
      if (item.position === 4) controller.abort();
    }
    expect(positions).toEqual([1, 2, 3, 4]);
    expect(seen.map((request) => request.url)).toEqual([
      "/api/v1/events/stream?after=0",
      "/api/v1/events/stream?after=2",
      "/api/v1/events/stream?after=2",
    ]);
    expect(states).toContain("lost");
  });

  it("passes over an event type that only a newer backend knows", async () => {
    const { url } = await serve((_, response) =>
      send(response, { ...event(1), type: "moon.eclipsed" }, event(2)),
    );
    const controller = new AbortController();
    const positions: number[] = [];
    for await (const item of streamEvents(createClient({ baseUrl: url }), { signal: controller.signal })) {
      positions.push(item.position);
      controller.abort();
    }
    expect(positions).toEqual([2]);
  });

  it("ends with the error when trying again can't help", async () => {
    const body = { error: { code: "auth.invalid", message: "no", requestId: "r" } };
    const { url } = await serve((_, response) => json(response, 401, body));
    const stream = streamEvents(createClient({ baseUrl: url }), { signal: new AbortController().signal });
    await expect(stream.next()).rejects.toMatchObject({ code: "auth.invalid" });
  });

  it("ends quietly when it is aborted before it begins", async () => {
    const stream = streamEvents(createClient({ baseUrl: "http://127.0.0.1:9" }), {
      signal: AbortSignal.abort(),
    });
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
  });
});
