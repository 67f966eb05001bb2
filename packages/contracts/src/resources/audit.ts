import { z } from "zod";
import { digestSchema, idSchema, timestampSchema } from "../scalars.ts";

/**
 * What the audit log tells of, in the past tense. Only added to, never taken from: entries are kept for years and must stay readable.
 */
export const auditActions = [
  "user.registered",
  "user.invited",
  "user.logged_in",
  "user.login_failed",
  "user.locked",
  "user.unlocked",
  "user.logged_out",
  "user.updated",
  "user.role_changed",
  "user.disabled",
  "user.enabled",
  "user.deleted",
  "session.created",
  "session.revoked",
  "session.reuse_detected",
  "password.changed",
  "password.reset_requested",
  "password.reset_link_issued",
  "password.reset",
  "email.change_requested",
  "email.changed",
  "email.verification_requested",
  "email.verified",
  "invitation.created",
  "invitation.revoked",
  "setup_link.issued",
  "setup_link.used",
  "local_link.created",
  "api_key.created",
  "api_key.rotated",
  "api_key.revoked",
  "credential.created",
  "credential.updated",
  "credential.deleted",
  "credential.used",
  "secret.created",
  "secret.updated",
  "secret.rotated",
  "secret.deleted",
  "repository.created",
  "repository.updated",
  "repository.deleted",
  "policy.changed",
  "policy.activated",
  "rule_proposal.accepted",
  "rule_proposal.dismissed",
  "precedent.revoked",
  "setting.changed",
  "task.updated",
  "task.cancelled",
  "task.retried",
  "task.deleted",
  "task.reviewed",
  "task.dependency_added",
  "task.dependency_removed",
  "work_order.enqueued",
  "work_order.requeued",
  "work_order.resumed",
  "worker.registered",
  "worker.drained",
  "worker.renamed",
  "worker.removed",
  "controller.registered",
  "controller.removed",
  "request.answered",
  "request.delegated",
  "notice_channel.created",
  "notice_channel.updated",
  "notice_channel.deleted",
  "notice_channel.tested",
  "document.created",
  "document.updated",
  "document.deleted",
  "message.edited",
  "message.withdrawn",
  "attachment.deleted",
  "audit.exported",
] as const;
export const auditActionSchema = z.enum(auditActions).meta({ id: "AuditAction" });
export type AuditAction = z.infer<typeof auditActionSchema>;

/** Who did something: a person, a machine with a key, a running attempt, somebody unknown, or the system by itself. */
export const auditActorKinds = ["user", "api_key", "attempt", "anonymous", "system"] as const;
export const auditActorKindSchema = z.enum(auditActorKinds).meta({ id: "AuditActorKind" });
export type AuditActorKind = z.infer<typeof auditActorKindSchema>;

/** What the entry tells of, as facts. Secrets are never among them. */
const factsSchema = z.record(z.string(), z.unknown()).nullable();

export const auditEntrySchema = z
  .object({
    id: idSchema,
    /** Its place in the sealed order; null until the next seal is set, within a minute or so. */
    position: z.number().int().min(1).nullable(),
    occurredAt: timestampSchema,
    action: auditActionSchema,
    actorKind: auditActorKindSchema,
    /** Of the user, of the API key, or of the attempt's work order. */
    actorId: z.string().nullable(),
    /** The person in whose name it was done. */
    userId: z.string().nullable(),
    /** As the person was called then. */
    actorName: z.string().nullable(),
    /** Network address the request came from. */
    address: z.string().nullable(),
    userAgent: z.string().nullable(),
    requestId: z.string().nullable(),
    targetType: z.string(),
    targetId: z.string().nullable(),
    before: factsSchema,
    after: factsSchema,
    detail: factsSchema,
  })
  .meta({ id: "AuditEntry" });

/** What a seal does: closes entries, or states which ones the retention has removed. */
export const auditSealKinds = ["entries", "removal"] as const;

export const auditSealSchema = z
  .object({
    number: z.number().int().min(1),
    kind: z.enum(auditSealKinds),
    /** The entries that it closes, or those that were removed. */
    firstPosition: z.number().int().min(1),
    lastPosition: z.number().int().min(1),
    /** SHA-256 over the entries' canonical bytes; for a removal over what it states. */
    contentDigest: digestSchema,
    /** Digest of the seal before; 64 zeros for the first. */
    previousDigest: digestSchema,
    digest: digestSchema,
    sealedAt: timestampSchema,
  })
  .meta({ id: "AuditSeal" });

const filters = {
  from: timestampSchema.optional(),
  until: timestampSchema.optional(),
  action: auditActionSchema.optional(),
  actorId: z.string().min(1).max(200).optional(),
  userId: z.string().min(1).max(200).optional(),
  targetType: z.string().min(1).max(100).optional(),
  targetId: z.string().min(1).max(200).optional(),
};

export const auditQuerySchema = z.object({
  ...filters,
  /** `next` of the page before. */
  after: idSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const auditListSchema = z
  .object({
    /** Newest first. */
    items: z.array(auditEntrySchema),
    /** Pass it as `after` for older ones; null at the end. */
    next: idSchema.nullable(),
  })
  .meta({ id: "AuditList" });

export const auditExportQuerySchema = z.object(filters);

/** A seal that was noted down elsewhere: then a log whose end was cut off or rewritten is told too. Both or none. */
export const auditVerifyQuerySchema = z
  .object({
    sealNumber: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
    sealDigest: digestSchema.optional(),
  })
  .refine(({ sealNumber, sealDigest }) => (sealNumber === undefined) === (sealDigest === undefined), {
    message: "sealNumber and sealDigest go together",
    path: ["sealDigest"],
  });

/** What can be wrong with the sealed log. */
export const auditFaultKinds = [
  "entry_missing",
  "entry_changed",
  "entry_unexpected",
  "seal_missing",
  "seal_changed",
  "seal_unexpected",
  "removal_unfounded",
] as const;

export const auditFaultSchema = z
  .object({
    kind: z.enum(auditFaultKinds),
    /** Number of the seal where it shows. */
    seal: z.number().int().nullable(),
    /** Position of the entry where it shows. */
    position: z.number().int().nullable(),
    message: z.string(),
  })
  .meta({ id: "AuditFault" });

export const auditVerificationSchema = z
  .object({
    isIntact: z.boolean(),
    /** Entries whose seal was computed anew. */
    entries: z.number().int().min(0),
    /** Entries that the retention removed, as the seals state it. */
    removed: z.number().int().min(0),
    /** Entries that no seal closes yet. */
    unsealed: z.number().int().min(0),
    seals: z.number().int().min(0),
    /** The last seal. Keep its digest elsewhere: it tells whether the end of the log was cut off. */
    last: z.object({ number: z.number().int().min(1), digest: digestSchema }).nullable(),
    /** The first of them, 100 at most. */
    faults: z.array(auditFaultSchema),
  })
  .meta({ id: "AuditVerification" });

export type AuditEntry = z.infer<typeof auditEntrySchema>;
export type AuditSeal = z.infer<typeof auditSealSchema>;
export type AuditList = z.infer<typeof auditListSchema>;
export type AuditQuery = z.infer<typeof auditQuerySchema>;
export type AuditExportQuery = z.infer<typeof auditExportQuerySchema>;
export type AuditFault = z.infer<typeof auditFaultSchema>;
export type AuditVerification = z.infer<typeof auditVerificationSchema>;
