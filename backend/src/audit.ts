import type { Logger } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { Db } from "./database/client.ts";
import {
  type AuditChain,
  createAuditChain,
  createAuditService,
  registerAuditRoutes,
} from "./modules/audit/index.ts";

/** The audit log: how it is read, and the chain that background work seals. */
export function wireAudit({
  server,
  db,
  logger,
}: {
  server: FastifyInstance;
  db: Db;
  logger: Logger;
}): AuditChain {
  const chain = createAuditChain({ db, logger });
  registerAuditRoutes(server, createAuditService({ db, chain }));
  return chain;
}
