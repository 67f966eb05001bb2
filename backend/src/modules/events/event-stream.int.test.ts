import { once } from "node:events";
import { createServer, get, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Event } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { expect, test } from "vitest";
import { follow } from "./event.routes.ts";
import { positionOf, writeOrGiveUp } from "./event-stream.ts";

/** A response whose reader is in our hand. */
async function openResponse() {
  const server = createServer();
  const responded = once(server, "request").then(([, response]) => response as ServerResponse);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const request = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  request.on("error", () => {});
  // Somebody holds the answer and never reads it.
  request.on("response", (answer) => answer.pause().on("error", () => {}));
  const response = await responded;
  response.writeHead(200);
  return {
    response,
    request,
    [Symbol.asyncDispose]: async () => {
      request.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a reader that takes nothing is given up, one that leaves at once", async () => {
  await using slow = await openResponse();
  let isTaken = true;
  for (let i = 0; i < 100 && isTaken; i += 1) {
    isTaken = await writeOrGiveUp(slow.response, "x".repeat(1_000_000), 100);
  }
  expect(isTaken).toBe(false);
  const left = writeOrGiveUp(slow.response, "x".repeat(1_000_000), 60_000);
  slow.request.destroy();
  expect(await left).toBe(false);
  expect(await writeOrGiveUp(slow.response, "x", 60_000)).toBe(false);
});

test("a quiet stream sends a heartbeat", async () => {
  const written: string[] = [];
  const controller = new AbortController();
  let looks = 0;
  const events = {
    changeCount: () => 0,
    nextChange: (_seen: number, ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    list: async ({ after }: { after: number }) => {
      looks += 1;
      return { items: [] as Event[], next: after };
    },
  };
  await follow(
    events,
    { after: 5, limit: 10, taskId: newId() },
    {
      isWelcome: async () => true,
      heartbeatMs: 10,
      signal: controller.signal,
      write: async (text) => {
        written.push(text);
        if (written.length === 2) {
          controller.abort();
        }
        return true;
      },
    },
  );
  expect(written).toEqual([": still here\n\n", ": still here\n\n"]);
  expect(looks).toBeGreaterThanOrEqual(4);
});

test("only a plain number in Last-Event-ID is a position", () => {
  expect(positionOf("17")).toBe(17);
  for (const header of [undefined, "", "-1", "1.5", "0x1", "1e3", ["1"], "9".repeat(16)]) {
    expect(positionOf(header)).toBeUndefined();
  }
});
