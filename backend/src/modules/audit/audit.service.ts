import type {
  AuditEntry,
  AuditExportQuery,
  AuditQuery,
  AuditSeal,
  AuditVerification,
} from "@agentvine/contracts";
import type { KnownSeal } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import type { AuditChain } from "./audit-chain.service.ts";
import {
  entriesBetween,
  listAuditEntries,
  sealedEntriesAfter,
  unsealedEntriesAfter,
} from "./audit-entry.repository.ts";
import { auditLine } from "./audit-line.ts";
import { eachSeal } from "./audit-seal.repository.ts";
import { recordAudit } from "./record-audit.repository.ts";

const pageMax = 500;

/** The audit log as it is read: searched, exported, verified. */
export function createAuditService({ db, chain }: { db: Db; chain: Pick<AuditChain, "seal" | "verify"> }) {
  async function* wholeChain(): AsyncGenerator<AuditEntry | AuditSeal> {
    for await (const seal of eachSeal(db)) {
      if (seal.kind === "entries") yield* await entriesBetween(db, seal.firstPosition, seal.lastPosition);
      yield seal;
    }
  }

  async function* matching(filter: AuditExportQuery): AsyncGenerator<AuditEntry> {
    let after = 0;
    for (;;) {
      const page = await sealedEntriesAfter(db, filter, { after, limit: pageMax });
      yield* page;
      after = page.at(-1)?.position ?? after;
      if (page.length < pageMax) return;
    }
  }

  async function* open(filter: AuditExportQuery): AsyncGenerator<AuditEntry> {
    let after: string | undefined;
    for (;;) {
      const page: AuditEntry[] = await unsealedEntriesAfter(db, filter, { after, limit: pageMax });
      yield* page;
      after = page.at(-1)?.id;
      if (page.length < pageMax) return;
    }
  }

  async function* lines(filter: AuditExportQuery, isWhole: boolean): AsyncGenerator<string> {
    for await (const one of isWhole ? wholeChain() : matching(filter))
      yield auditLine("number" in one ? { type: "seal", ...one } : { type: "entry", ...one });
    for await (const entry of open(filter)) yield auditLine({ type: "entry", ...entry });
  }

  return {
    list: async (query: AuditQuery): Promise<{ items: AuditEntry[]; next: string | null }> => {
      const items = await listAuditEntries(db, query);
      return { items, next: items.length < query.limit ? null : (items.at(-1)?.id ?? null) };
    },

    /**
     * JSON lines, oldest first, read from the database as they are taken. Without a filter the seals stand between the entries, each
     * behind those that it closes, and the whole can be verified without the database. That it was exported is an entry itself.
     */
    export: async (filter: AuditExportQuery): Promise<AsyncGenerator<string>> => {
      const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
      await recordAudit(db, { action: "audit.exported", targetType: "audit_log", detail: { filter: given } });
      await chain.seal();
      return lines(filter, Object.keys(given).length === 0);
    },

    verify: (expected: KnownSeal | undefined, signal: AbortSignal): Promise<AuditVerification> =>
      chain.verify(expected, signal),
  };
}

export type AuditService = ReturnType<typeof createAuditService>;
