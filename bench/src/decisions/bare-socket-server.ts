// The baseline in a process of its own: a Socket.IO server that sends what it is posted to everybody, and does nothing else.
import Fastify from "fastify";
import { Server } from "socket.io";
import { z } from "zod";
import { serveParent } from "../child-side.ts";

const inputSchema = z.object({ namespace: z.string(), message: z.record(z.string(), z.unknown()) });
const postSchema = z.object({ content: z.string() });

async function serve({ namespace, message }: z.infer<typeof inputSchema>): Promise<string> {
  const server = Fastify();
  const sockets = new Server(server.server, { transports: ["websocket"], serveClient: false }).of(namespace);
  sockets.on("connection", (socket) => socket.emit("ready", 0));
  server.post("/messages", async ({ body }) => {
    const posted = { ...message, ...postSchema.parse(body) };
    sockets.emit("items", [posted]);
    return posted;
  });
  return await server.listen({ host: "127.0.0.1", port: 0 });
}

serveParent(inputSchema, async (input) => ({ url: await serve(input) }));
