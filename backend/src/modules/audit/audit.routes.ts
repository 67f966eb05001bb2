import { Readable } from "node:stream";
import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { AuditService } from "./audit.service.ts";

export function registerAuditRoutes(app: FastifyInstance, audit: AuditService): void {
  route(app, endpoints.audit.list, ({ query }) => audit.list(query));
  route(app, endpoints.audit.export, async ({ query, reply }) => {
    void reply.header("content-disposition", 'attachment; filename="agentvine-audit.jsonl"');
    return Readable.from(await audit.export(query));
  });
  route(app, endpoints.audit.verify, ({ query: { sealNumber, sealDigest }, signal }) =>
    audit.verify(
      sealNumber === undefined || sealDigest === undefined
        ? undefined
        : { number: sealNumber, digest: sealDigest },
      signal,
    ),
  );
}
