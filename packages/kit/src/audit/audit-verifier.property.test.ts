import type { AuditEntry, AuditSeal } from "@agentvine/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EntriesDigest, noDigest, removalDigest, sealDigest } from "./audit-digests.ts";
import { AuditVerifier, type KnownSeal } from "./audit-verifier.ts";

interface Log {
  entries: AuditEntry[];
  seals: AuditSeal[];
}

const facts = fc.option(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }), { nil: null });
const word = fc.option(fc.string({ maxLength: 8 }), { nil: null });
const entry: fc.Arbitrary<Omit<AuditEntry, "position">> = fc.record({
  id: fc.uuid({ version: 7 }),
  occurredAt: fc.integer({ min: 0, max: 4e12 }).map((ms) => new Date(ms).toISOString()),
  action: fc.constantFrom("task.cancelled", "api_key.revoked", "policy.changed"),
  actorKind: fc.constantFrom("user", "api_key", "system"),
  ...{ actorId: word, userId: word, actorName: word, address: word, userAgent: word, requestId: word },
  targetType: fc.string({ maxLength: 8 }),
  ...{ targetId: word, before: facts, after: facts, detail: facts },
});

const sealed = (
  log: Log,
  seal: Pick<AuditSeal, "kind" | "firstPosition" | "lastPosition" | "contentDigest">,
) => {
  const before = log.seals.at(-1);
  const stated = {
    number: (before?.number ?? 0) + 1,
    ...seal,
    previousDigest: before?.digest ?? noDigest,
    sealedAt: "2026-01-31T12:00:00.000Z",
  };
  log.seals.push({ ...stated, digest: sealDigest(stated) });
};

/** A log as the backend makes it: sealed in batches of the given sizes, the first `removed` seals' entries taken out. */
function logOf(batches: Omit<AuditEntry, "position">[][], removed = 0): Log {
  const log: Log = { entries: [], seals: [] };
  for (const batch of batches) {
    const firstPosition = log.entries.length + 1;
    const digest = new EntriesDigest();
    for (const [index, one] of batch.entries()) {
      const placed = { ...one, position: firstPosition + index };
      log.entries.push(placed);
      digest.add(placed);
    }
    const lastPosition = log.entries.length;
    sealed(log, { kind: "entries", firstPosition, lastPosition, contentDigest: digest.end() });
  }
  const lastPosition = log.seals[removed - 1]?.lastPosition;
  if (lastPosition === undefined) return log;
  const contentDigest = removalDigest(1, lastPosition);
  sealed(log, { kind: "removal", firstPosition: 1, lastPosition, contentDigest });
  return { ...log, entries: log.entries.slice(lastPosition) };
}

/** Given to the verifier as an export is: entries by position, each seal behind what it closes. */
function verify({ entries, seals }: Log, expected?: KnownSeal) {
  const verifier = new AuditVerifier(expected);
  const left = entries.toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0));
  for (const seal of seals) {
    while (seal.kind === "entries" && (left[0]?.position ?? Number.POSITIVE_INFINITY) <= seal.lastPosition) {
      const next = left.shift();
      if (next !== undefined) verifier.entry(next);
    }
    verifier.seal(seal);
  }
  for (const one of left) verifier.entry(one);
  return verifier.finish();
}

const batches = fc.array(fc.array(entry, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
const log = fc
  .tuple(batches, fc.nat({ max: 3 }))
  .map(([all, removed]) => logOf(all, Math.min(removed, all.length - 1)));
const withEntry = log.chain((one) => fc.tuple(fc.constant(one), fc.nat({ max: one.entries.length - 1 })));

/** Another value of the same kind. */
const flipped = (value: unknown): unknown => {
  if (typeof value === "number") return value + 1;
  if (typeof value === "string") return `${value} `;
  return value === null ? "x" : null;
};
const changed = <T extends object>(all: readonly T[], index: number, change: object): T[] =>
  all.map((one, place) => (place === index ? { ...one, ...change } : one));

describe("the chain of the audit log", () => {
  test("holds as it was sealed, also after the retention took the oldest entries", () => {
    fc.assert(
      fc.property(log, (one) => {
        const result = verify(one);
        expect(result).toMatchObject({ isIntact: true, faults: [], entries: one.entries.length });
        const { number = 0, digest = "" } = one.seals.at(-1) ?? {};
        expect(verify(one, { number, digest }).isIntact).toBe(true);
      }),
      { seed: 1 },
    );
  });

  test("tells when any field of any entry is another", () => {
    fc.assert(
      fc.property(withEntry, ([one, index]) => {
        const target = one.entries[index];
        for (const [field, value] of Object.entries(target ?? {})) {
          if (field === "position") continue;
          const entries = changed(one.entries, index, { [field]: flipped(value) });
          expect([field, verify({ ...one, entries }).isIntact]).toEqual([field, false]);
        }
      }),
      { seed: 2 },
    );
  });

  test("tells when any field of any seal is another", () => {
    fc.assert(
      fc.property(log, fc.nat(), (one, place) => {
        const index = place % one.seals.length;
        for (const [field, value] of Object.entries(one.seals[index] ?? {})) {
          const other = field === "kind" ? (value === "entries" ? "removal" : "entries") : flipped(value);
          const seals = changed(one.seals, index, { [field]: other });
          expect([field, verify({ ...one, seals }).isIntact]).toEqual([field, false]);
        }
      }),
      { seed: 3 },
    );
  });

  test("tells when an entry is removed, put in, or two change places", () => {
    fc.assert(
      fc.property(withEntry, entry, fc.nat(), ([one, index], stranger, other) => {
        const { entries } = one;
        const without = entries.filter((_, place) => place !== index);
        expect(verify({ ...one, entries: without }).isIntact).toBe(false);
        const position = entries[index]?.position ?? 0;
        const between = [...entries.slice(0, index), { ...stranger, position }, ...entries.slice(index)];
        expect(verify({ ...one, entries: between }).isIntact).toBe(false);
        const behind = [...entries, { ...stranger, position: (entries.at(-1)?.position ?? 0) + 1 }];
        expect(verify({ ...one, entries: behind }).isIntact).toBe(false);
        const [a, b] = [entries[index], entries[other % entries.length]];
        if (a === undefined || b === undefined || a === b) return;
        const swapped = entries.map((each) =>
          each === a ? { ...b, position: a.position } : each === b ? { ...a, position: b.position } : each,
        );
        expect(verify({ ...one, entries: swapped }).isIntact).toBe(false);
      }),
      { seed: 4 },
    );
  });

  test("tells when a seal is gone, also with the entries that it closed", () => {
    fc.assert(
      fc.property(log, fc.nat(), (one, place) => {
        const index = place % one.seals.length;
        const gone = one.seals[index];
        const seals = one.seals.filter((seal) => seal !== gone);
        const entries = one.entries.filter(
          ({ position }) =>
            gone?.kind !== "entries" ||
            (position ?? 0) < gone.firstPosition ||
            (position ?? 0) > gone.lastPosition,
        );
        const { number = 0, digest = "" } = one.seals.at(-1) ?? {};
        // The end of the log can be cut off together with its seals: only who noted the last seal down sees it.
        expect(verify({ seals, entries }, { number, digest }).isIntact).toBe(false);
        if (index < one.seals.length - 1) expect(verify({ seals, entries }).isIntact).toBe(false);
      }),
      { seed: 5 },
    );
  });

  test("tells when entries are gone that no seal states, and when removed ones are back", () => {
    fc.assert(
      fc.property(fc.tuple(entry, entry, entry), ([a, b, c]) => {
        const whole = logOf([[a], [b], [c]]);
        expect(verify({ ...whole, entries: whole.entries.slice(1) }).faults[0]?.kind).toBe("entry_missing");
        const cut = logOf([[a], [b], [c]], 2);
        expect(verify({ ...cut, entries: cut.entries.slice(1) }).faults[0]?.kind).toBe("entry_missing");
        expect(verify({ ...cut, entries: whole.entries }).faults[0]?.kind).toBe("entry_unexpected");
      }),
      { seed: 6, numRuns: 20 },
    );
  });
});

test("what no seal closes yet is counted, and is no fault", () => {
  const [unsealed] = fc.sample(entry, { numRuns: 1, seed: 7 });
  if (unsealed === undefined) throw new Error("there is no sample");
  expect(verify({ entries: [{ ...unsealed, position: null }], seals: [] })).toMatchObject({
    ...{ isIntact: true, unsealed: 1, last: null },
  });
});
