import type { AuditAction, AuditActorKind } from "@agentvine/contracts";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { auditLog } from "../../database/schema/index.ts";
import { currentOrigin, type Origin } from "../../origin.ts";
import { storableText } from "../../storable-json.ts";
import { auditFacts } from "./audit-facts.ts";

/** Who did it, when that is not the actor of the request: who logs in has none yet. */
export interface AuditWho {
  kind: AuditActorKind;
  id: string | null;
  /** The person in whose name it was done; `id` for a user unless told. */
  userId?: string | null;
  name?: string | null;
}

/** Something that was done and must be found again. */
export interface AuditRecord {
  action: AuditAction;
  /** What it was done to: `task`, `api_key`, `policy`, … */
  targetType: string;
  targetId?: string | null;
  /** Settings and policies: what they were and what they are. Secrets are taken out by the names of their fields. */
  before?: object | null;
  after?: object | null;
  /** What else helps to understand it: a reason, a scope, a number. */
  detail?: object | null;
  /** Who did it; the actor of the request unless told, the system outside of requests. */
  who?: AuditWho;
  /** Where the request came from; the request that is being answered unless told. */
  origin?: Pick<Origin, "address" | "userAgent" | "requestId">;
}

const kindOf: Record<string, AuditActorKind> = { user: "user", worker_key: "api_key", attempt: "attempt" };

const whoOf = (actor: Actor | undefined): AuditWho => {
  if (actor === undefined) return { kind: "system", id: null };
  if (actor.id === "anonymous") return { kind: "anonymous", id: null };
  // An attempt is nobody's hand: its task says who wanted it.
  if (actor.kind === "attempt") return { kind: "attempt", id: actor.id, userId: null };
  return { kind: kindOf[actor.kind] ?? "api_key", id: actor.id, userId: actor.userId };
};

const shortened = (text: string | null | undefined, lengthMax: number): string | null =>
  text === null || text === undefined ? null : storableText(text.slice(0, lengthMax));

/**
 * Writes an entry of the audit log in the caller's transaction: with it comes or goes what the entry tells of. Who, from where and under
 * which request id is taken from the request that is being answered, unless told.
 */
export async function recordAudit(tx: Db | Tx, record: AuditRecord): Promise<void> {
  const current = currentOrigin();
  const who = record.who ?? whoOf(current?.actor);
  const origin = record.origin ?? current;
  await tx.insert(auditLog).values({
    action: record.action,
    actorKind: who.kind,
    actorId: who.id,
    userId: who.userId ?? (who.kind === "user" ? who.id : null),
    actorName: shortened(who.name, 200),
    address: shortened(origin?.address, 100),
    userAgent: shortened(origin?.userAgent, 500),
    requestId: shortened(origin?.requestId, 128),
    targetType: record.targetType,
    targetId: shortened(record.targetId, 200),
    before: auditFacts(record.before),
    after: auditFacts(record.after),
    detail: auditFacts(record.detail),
  });
}
