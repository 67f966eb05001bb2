import { get, type IncomingMessage } from "node:http";
import type { Event } from "@agentvine/contracts";
import { sleep } from "@agentvine/kit";
import type { TestApp } from "./build-test-app.ts";

/** Follows the event stream as a browser does: comes back after each end, with the last id it has seen. */
export interface EventReader {
  /** Everything that came, in the order in which it came. */
  readonly seen: Event[];
  /** How often a connection was made. */
  readonly connections: number;
  /** Takes nothing more from the socket, until told. */
  pause(): void;
  resume(): void;
  stop(): void;
}

export function readEvents(app: Pick<TestApp, "url" | "token">, { after = 0 } = {}): EventReader {
  const stopping = new AbortController();
  const seen: Event[] = [];
  let connections = 0;
  let isPaused = false;
  let response: IncomingMessage | undefined;

  const readOne = (): Promise<void> =>
    new Promise((resolve) => {
      const request = get(`${app.url}/api/v1/events/stream?after=${after}`, {
        agent: false,
        headers: {
          authorization: `Bearer ${app.token}`,
          ...(seen.length === 0 ? {} : { "last-event-id": String(seen.at(-1)?.position) }),
        },
        signal: stopping.signal,
      });
      request.on("error", () => resolve());
      request.on("response", (answer) => {
        response = answer;
        connections += 1;
        let text = "";
        answer.on("data", (chunk) => {
          text += String(chunk);
          const parts = text.split("\n\n");
          // What is not complete yet is no event: it comes again.
          text = parts.pop() ?? "";
          for (const part of answer.statusCode === 200 ? parts : []) {
            const data = part.split("\n").find((line) => line.startsWith("data: "));
            if (data !== undefined) seen.push(JSON.parse(data.slice(6)));
          }
        });
        answer.on("close", () => resolve());
        answer.on("error", () => resolve());
        if (isPaused) answer.pause();
      });
    });

  void (async () => {
    while (!stopping.signal.aborted) {
      await readOne();
      await sleep(20, stopping.signal).catch(() => {});
    }
  })();

  return {
    seen,
    get connections() {
      return connections;
    },
    pause: () => {
      isPaused = true;
      response?.pause();
    },
    resume: () => {
      isPaused = false;
      response?.resume();
    },
    stop: () => stopping.abort(),
  };
}
