export { registerAuditRoutes } from "./audit.routes.ts";
export { createAuditService } from "./audit.service.ts";
export { type AuditChain, createAuditChain } from "./audit-chain.service.ts";
export { changeOf } from "./audit-facts.ts";
export { type AuditRecord, recordAudit } from "./record-audit.repository.ts";
