// Sockets of people who look at one conversation, in a process of their own. Tells when all of them have a message.
import { io, type Socket } from "socket.io-client";
import { z } from "zod";
import { serveParent } from "../child-side.ts";
import { machineMs } from "./machine-clock.ts";

const inputSchema = z.object({ url: z.string(), token: z.string(), count: z.number().int() });
const itemsSchema = z.array(z.object({ content: z.string() }));

async function connect({ url, token, count }: z.infer<typeof inputSchema>): Promise<void> {
  const receivedMs = new Map<string, number[]>();
  const take = (content: string, atMs: number): void => {
    const times = receivedMs.get(content) ?? [];
    receivedMs.set(content, times);
    times.push(atMs);
    if (times.length < count) return;
    receivedMs.delete(content);
    process.send?.({ content, receivedMs: times });
  };
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = io(url, {
        transports: ["websocket"],
        forceNew: true,
        reconnection: false,
        auth: { token },
      });
      socket.once("ready", () => resolve(socket));
      socket.once("connect_error", reject);
      socket.on("items", (items: unknown) => {
        const atMs = machineMs();
        for (const { content } of itemsSchema.parse(items)) take(content, atMs);
      });
      socket.once("disconnect", (reason) => {
        throw new Error(`a socket was cut off: ${reason}`);
      });
    });
  // A few at a time, as people come.
  for (let opened = 0; opened < count; opened += 20) {
    await Promise.all(Array.from({ length: Math.min(20, count - opened) }, open));
  }
}

serveParent(inputSchema, async (input) => {
  await connect(input);
  return { isReady: true };
});
