import type { AuditEntry, AuditFault, AuditSeal, AuditVerification } from "@agentvine/contracts";
import {
  AuditVerifier,
  EntriesDigest,
  type KnownSeal,
  type Logger,
  noDigest,
  removalDigest,
  sealDigest,
} from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { countUnsealed, entriesBetween } from "./audit-entry.repository.ts";
import {
  deleteEntriesBetween,
  eachSeal,
  insertSeal,
  lastSeal,
  lastSealOf,
  lockChain,
  oldSealsEnd,
  placeEntries,
} from "./audit-seal.repository.ts";

/** Entries that one seal closes at most; all of them are in memory at once. */
const entriesPerSealMax = 200;
/** Seals whose entries one removal takes at most. */
const sealsPerRemovalMax = 50;
/** What one call does at most, so that a background job ends. */
const roundsMax = 200;

export interface AuditChainDeps {
  db: Db;
  logger: Logger;
}

const strayFault = (position: number): AuditFault => {
  const message = `entry ${position} belongs to no seal`;
  return { kind: "entry_unexpected", seal: null, position, message };
};

/** The chain over the audit log: sealed by one backend at a time, computed anew by whoever wants to know. */
export function createAuditChain({ db, logger }: AuditChainDeps) {
  const append = async (
    tx: Tx,
    now: Date,
    stated: Pick<AuditSeal, "kind" | "firstPosition" | "lastPosition" | "contentDigest">,
  ): Promise<AuditSeal> => {
    const before = await lastSeal(tx);
    const unsigned = {
      number: (before?.number ?? 0) + 1,
      ...stated,
      previousDigest: before?.digest ?? noDigest,
      sealedAt: now.toISOString(),
    };
    const seal = { ...unsigned, digest: sealDigest(unsigned) };
    await insertSeal(tx, seal);
    return seal;
  };

  /** Closes the oldest open entries; undefined when there are none. */
  const sealOnce = (): Promise<{ seal: AuditSeal; count: number } | undefined> =>
    inTransaction(db, async (tx) => {
      const { now } = await lockChain(tx);
      const firstPosition = ((await lastSealOf(tx, "entries"))?.lastPosition ?? 0) + 1;
      const count = await placeEntries(tx, firstPosition - 1, entriesPerSealMax);
      if (count === 0) return undefined;
      const lastPosition = firstPosition + count - 1;
      const digest = new EntriesDigest();
      for (const entry of await entriesBetween(tx, firstPosition, lastPosition)) digest.add(entry);
      const contentDigest = digest.end();
      return {
        seal: await append(tx, now, { kind: "entries", firstPosition, lastPosition, contentDigest }),
        count,
      };
    });

  /** Removes the entries of the oldest seals and states it; undefined when none is old enough. */
  const removeOnce = (days: number): Promise<{ seal: AuditSeal; count: number } | undefined> =>
    inTransaction(db, async (tx) => {
      const { now } = await lockChain(tx);
      const after = (await lastSealOf(tx, "removal"))?.lastPosition ?? 0;
      const lastPosition = await oldSealsEnd(tx, { after, days, limit: sealsPerRemovalMax });
      if (lastPosition === undefined) return undefined;
      const firstPosition = after + 1;
      const contentDigest = removalDigest(firstPosition, lastPosition);
      // First: the database lets nothing be removed that no seal states.
      const seal = await append(tx, now, { kind: "removal", firstPosition, lastPosition, contentDigest });
      return { seal, count: await deleteEntriesBetween(tx, firstPosition, lastPosition) };
    });

  const repeat = async (
    once: () => Promise<{ seal: AuditSeal; count: number } | undefined>,
    told: string,
  ): Promise<number> => {
    let total = 0;
    for (let round = 0; round < roundsMax; round += 1) {
      const done = await once();
      if (done === undefined) break;
      total += done.count;
      // What is logged elsewhere bears witness: who rewrites the chain would have to rewrite that too.
      const { number, digest, firstPosition, lastPosition } = done.seal;
      logger.info({ seal: number, digest, firstPosition, lastPosition }, told);
    }
    return total;
  };

  const entriesOf = async ({ kind, firstPosition, lastPosition }: AuditSeal): Promise<AuditEntry[]> =>
    kind === "entries" ? await entriesBetween(db, firstPosition, lastPosition) : [];

  return {
    /** Closes every open entry under seals. Several backends may do so at once. @returns how many entries */
    seal: (): Promise<number> => repeat(sealOnce, "audit log sealed"),

    /** Removes entries that were sealed more than so many days ago; a seal states which. @returns how many */
    removeOld: (days: number): Promise<number> => repeat(() => removeOnce(days), "audit log entries removed"),

    /** Computes the chain anew. Page by page: it holds no transaction open, however long the log is. */
    async verify(expected: KnownSeal | undefined, signal: AbortSignal): Promise<AuditVerification> {
      const verifier = new AuditVerifier(expected);
      for await (const seal of eachSeal(db)) {
        signal.throwIfAborted();
        // One statement per seal: the retention takes a seal's entries all at once, so it sees all of them or none.
        for (const entry of await entriesOf(seal)) verifier.entry(entry);
        verifier.seal(seal);
      }
      const result = verifier.finish();
      const { unsealed, strayPositions } = await countUnsealed(db);
      const faults = [...result.faults, ...strayPositions.map(strayFault)];
      return { ...result, unsealed, faults, isIntact: faults.length === 0 };
    },
  };
}

export type AuditChain = ReturnType<typeof createAuditChain>;
