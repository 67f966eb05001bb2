// The baseline in a process of its own: the same routes with the least that they could do, on the same PostgreSQL. A request is one
// insert and the reply; an answer is one update that wakes who waits, who is sent the row.
import Fastify from "fastify";
import pg from "pg";
import { z } from "zod";
import { serveParent } from "../child-side.ts";

const inputSchema = z.object({ databaseUrl: z.string(), list: z.unknown() });
const idSchema = z.object({ id: z.string() });

const insert = {
  name: "insert",
  text: "insert into bare_requests (id, body) values (gen_random_uuid(), $1) returning id, body, answer",
};
const update = {
  name: "update",
  text: "update bare_requests set answer = $2 where id = $1 and answer is null returning id, body, answer",
};

async function serve({ databaseUrl, list }: z.infer<typeof inputSchema>): Promise<string> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 });
  await pool.query("create table bare_requests (id uuid primary key, body jsonb not null, answer jsonb)");
  const waiting = new Map<string, (row: object) => void>();
  const server = Fastify();
  server.post("/api/v1/worker-requests", async ({ body }) => {
    const { rows } = await pool.query({ ...insert, values: [JSON.stringify(body)] });
    return rows[0];
  });
  server.get("/api/v1/worker-requests", async () => list);
  server.get("/api/v1/worker-requests/:id/wait", async ({ params }) => {
    const { id } = idSchema.parse(params);
    return await new Promise((resolve) => waiting.set(id, resolve));
  });
  server.post("/api/v1/worker-requests/:id/answer", async ({ params, body }) => {
    const { id } = idSchema.parse(params);
    const { rows } = await pool.query({ ...update, values: [id, JSON.stringify(body)] });
    waiting.get(id)?.(rows[0]);
    waiting.delete(id);
    return rows[0];
  });
  return await server.listen({ host: "127.0.0.1", port: 0 });
}

serveParent(inputSchema, async (input) => ({ url: await serve(input) }));
