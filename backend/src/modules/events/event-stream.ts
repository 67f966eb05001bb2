import type { ServerResponse } from "node:http";
import type { Event } from "@agentvine/contracts";

/** One event in the form of server-sent events. */
export const formatEvent = (event: Event): string =>
  `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** A comment that keeps the connection open through proxies. */
export const heartbeat = ": still here\n\n";

/** A position in a Last-Event-ID header; undefined when there is none or it is none of ours. */
export function positionOf(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

/**
 * Writes, and waits until the reader has taken it.
 * @returns false when the connection has ended, or the reader took nothing for `stalledMsMax`.
 */
export function writeOrGiveUp(
  response: ServerResponse,
  text: string,
  stalledMsMax: number,
): Promise<boolean> {
  if (response.destroyed || response.writableEnded) {
    return Promise.resolve(false);
  }
  if (response.write(text)) {
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    const settle = (isTaken: boolean) => {
      clearTimeout(timer);
      response.off("drain", onDrain);
      response.off("close", onClose);
      resolve(isTaken);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = setTimeout(() => settle(false), stalledMsMax);
    response.on("drain", onDrain);
    response.on("close", onClose);
  });
}
