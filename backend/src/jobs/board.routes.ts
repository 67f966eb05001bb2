import { AppError } from "@agentvine/kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Fastify from "fastify";
import type { JobQueue } from "./job-connection.ts";

const prefix = "/admin/queues";

const policyHeader = "content-security-policy";

/** The board finds its files by a base address in its page, and its menus and messages bring styles of their own. */
const forBoard = (policy: unknown): string =>
  String(policy)
    .replace("base-uri 'none'", "base-uri 'self'")
    .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");

/** The board's page without the font that it would fetch from elsewhere. */
const withoutForeignFont = (page: string): string =>
  page.replace(/<link[^>]*fonts\.googleapis\.com[^>]*>/g, "");

/** Checks that whoever asks may administer the system. @throws AppError `auth.required`, `auth.forbidden` */
export type AdminGuard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/**
 * Serves Bull Board at /admin/queues to administrators, to look at alone: no change made there would get into the audit log. It is built when first asked for: starting the server does not wait for it.
 */
export function registerBoard(
  app: FastifyInstance,
  { queues, guard }: { queues: () => readonly JobQueue[]; guard: AdminGuard },
): void {
  let board: { queue: JobQueue; instance: Promise<FastifyInstance> } | undefined;

  async function open(): Promise<FastifyInstance> {
    const [current, ...others] = queues();
    if (current === undefined) {
      throw new AppError("queue.unavailable", "The background queue is not connected yet.");
    }
    // A queue that had to be opened anew is another one.
    if (board?.queue !== current) {
      const made = { queue: current, instance: buildBoard([current, ...others]) };
      board = made;
      made.instance.catch(() => {
        if (board === made) board = undefined;
      });
    }
    return await board.instance;
  }

  const forward = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const instance = await open();
    reply.hijack();
    // What our own server says about security holds for the board's pages too.
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, name === policyHeader ? forBoard(value) : value);
    }
    instance.routing(request.raw, reply.raw);
    return reply;
  };

  void app.register(async (scope) => {
    // The board reads bodies itself.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.addHook("onRequest", guard);
    scope.all(prefix, forward);
    scope.all(`${prefix}/*`, forward);
  });
  app.addHook("onClose", async () => {
    await (await board?.instance.catch(() => undefined))?.close();
  });
}

async function buildBoard(queues: readonly JobQueue[]): Promise<FastifyInstance> {
  const [{ createBullBoard }, { BullMQAdapter }, { FastifyAdapter }] = await Promise.all([
    import("@bull-board/api"),
    import("@bull-board/api/bullMQAdapter"),
    import("@bull-board/fastify"),
  ]);
  type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];
  const adapter = new FastifyAdapter();
  adapter.setBasePath(prefix);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue as BoardQueue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: "AgentVine" } },
  });
  const instance = Fastify();
  instance.addHook("onSend", async (_request, reply, payload) => {
    const isPage = String(reply.getHeader("content-type") ?? "").startsWith("text/html");
    return isPage && typeof payload === "string" ? withoutForeignFont(payload) : payload;
  });
  await instance.register(adapter.registerPlugin(), { prefix });
  await instance.ready();
  return instance;
}
