export { auditFacts, changeOf } from "./audit-facts.ts";
export { type AuditRecord, type AuditWho, recordAudit } from "./record-audit.repository.ts";
