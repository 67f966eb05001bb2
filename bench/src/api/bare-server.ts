// The baseline in a process of its own: one Fastify route that sends the JSON it was given, and does nothing else.
import Fastify from "fastify";

process.once("message", (body: unknown) => {
  const server = Fastify();
  server.get("/tasks/:taskId", async () => body);
  server.listen({ host: "127.0.0.1", port: 0 }).then(
    (url) => process.send?.({ url }),
    (error: unknown) => {
      throw error;
    },
  );
});
process.once("disconnect", () => process.exit());
