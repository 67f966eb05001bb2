import type { AuditEntry, AuditFault, AuditSeal, AuditVerification } from "@agentvine/contracts";
import { EntriesDigest, noDigest, removalDigest, sealDigest } from "./audit-digests.ts";

const faultsMax = 100;

/** A seal that was noted down elsewhere. */
export interface KnownSeal {
  readonly number: number;
  readonly digest: string;
}

/** Entries one after the other that no seal was seen for yet. */
interface Run {
  readonly first: number;
  last: number;
  count: number;
  /** Where an entry is missing in it, or comes twice. */
  brokenAt: number | undefined;
  readonly digest: EntriesDigest;
}

/**
 * Computes the chain of the audit log anew from what it is given: seals in the order of their numbers, and before each seal the entries
 * that it closes, in the order of their positions. Holds one seal's worth of state, however long the log is.
 */
export class AuditVerifier {
  readonly #expected: KnownSeal | undefined;
  readonly #faults: AuditFault[] = [];
  readonly #missing: { first: number; last: number; seal: number }[] = [];
  #run: Run | undefined;
  #last: KnownSeal | null = null;
  #seals = 0;
  #entries = 0;
  #unsealed = 0;
  #nextPosition = 1;
  #removedThrough = 0;
  #firstPresent = Number.POSITIVE_INFINITY;
  #isExpectedSeen = false;

  /** With a seal that was noted down elsewhere, a log whose end was cut off or rewritten is told too. */
  constructor(expected?: KnownSeal) {
    this.#expected = expected;
  }

  /** Takes the next entry. */
  entry(entry: AuditEntry): void {
    const { position } = entry;
    if (position === null) {
      this.#unsealed += 1;
      return;
    }
    this.#run ??= {
      ...{ first: position, last: position - 1, count: 0, brokenAt: undefined },
      digest: new EntriesDigest(),
    };
    const run = this.#run;
    if (position !== run.last + 1) run.brokenAt ??= run.last + 1;
    run.last = position;
    run.count += 1;
    run.digest.add(entry);
  }

  /** Takes the next seal. */
  seal(seal: AuditSeal): void {
    const { number } = seal;
    const follows = this.#last?.number ?? 0;
    if (number !== follows + 1)
      this.#tell("seal_missing", `seal ${follows + 1} is missing`, { seal: number });
    if (seal.previousDigest !== (this.#last?.digest ?? noDigest))
      this.#tell("seal_changed", `seal ${number} does not follow the one before it`, { seal: number });
    if (sealDigest(seal) !== seal.digest)
      this.#tell("seal_changed", `seal ${number} is not what was sealed`, { seal: number });
    if (number === this.#expected?.number) {
      this.#isExpectedSeen = true;
      if (seal.digest !== this.#expected.digest)
        this.#tell("seal_changed", `seal ${number} is another than the one that was noted down`, {
          seal: number,
        });
    }
    this.#last = { number, digest: seal.digest };
    this.#seals += 1;
    if (seal.kind === "entries") this.#close(seal);
    else this.#remove(seal);
  }

  /** What came out. Nothing can be given afterwards. */
  finish(): AuditVerification {
    if (this.#run !== undefined)
      this.#tell("entry_unexpected", `no seal closes the entries from ${this.#run.first} on`, {
        position: this.#run.first,
      });
    for (const { first, last, seal } of this.#missing)
      if (last > this.#removedThrough)
        this.#tell("entry_missing", `the entries ${first} to ${last} are gone, and no seal states it`, {
          seal,
          position: Math.max(first, this.#removedThrough + 1),
        });
    if (this.#firstPresent <= this.#removedThrough)
      this.#tell(
        "entry_unexpected",
        `entry ${this.#firstPresent} is there, though a seal states its removal`,
        {
          position: this.#firstPresent,
        },
      );
    if (this.#expected !== undefined && !this.#isExpectedSeen)
      this.#tell("seal_missing", `seal ${this.#expected.number}, which was noted down, is gone`, {
        seal: this.#expected.number,
      });
    return {
      isIntact: this.#faults.length === 0,
      ...{
        entries: this.#entries,
        removed: this.#removedThrough,
        unsealed: this.#unsealed,
        seals: this.#seals,
      },
      last: this.#last,
      faults: this.#faults,
    };
  }

  #close(seal: AuditSeal): void {
    const { number, firstPosition, lastPosition } = seal;
    if (firstPosition !== this.#nextPosition || lastPosition < firstPosition)
      this.#tell("seal_changed", `seal ${number} does not begin where the one before it ended`, {
        seal: number,
      });
    this.#nextPosition = lastPosition + 1;
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined) {
      this.#noteMissing(firstPosition, lastPosition, number);
      return;
    }
    this.#firstPresent = Math.min(this.#firstPresent, run.first);
    this.#entries += run.count;
    const place = { seal: number, position: firstPosition };
    if (run.first < firstPosition || run.last > lastPosition) {
      const position = run.first < firstPosition ? run.first : lastPosition + 1;
      this.#tell("entry_unexpected", `entry ${position} belongs to no seal`, { seal: number, position });
    } else if (run.brokenAt !== undefined || run.first > firstPosition || run.last < lastPosition) {
      const position = run.first > firstPosition ? firstPosition : (run.brokenAt ?? run.last + 1);
      this.#tell("entry_missing", `entry ${position} is missing`, { seal: number, position });
    } else if (run.digest.end() !== seal.contentDigest)
      this.#tell(
        "entry_changed",
        `an entry from ${firstPosition} to ${lastPosition} is not what was sealed`,
        place,
      );
  }

  #remove({ number, firstPosition, lastPosition, contentDigest }: AuditSeal): void {
    const isFounded =
      firstPosition === this.#removedThrough + 1 &&
      lastPosition >= firstPosition &&
      lastPosition < this.#nextPosition &&
      contentDigest === removalDigest(firstPosition, lastPosition);
    if (!isFounded)
      this.#tell("removal_unfounded", `seal ${number} states a removal that does not follow`, {
        seal: number,
      });
    this.#removedThrough = Math.max(this.#removedThrough, lastPosition);
  }

  /** Neighbours become one range: what the retention removed is one, however long the log ran. */
  #noteMissing(first: number, last: number, seal: number): void {
    const before = this.#missing.at(-1);
    if (before?.last === first - 1) before.last = last;
    else this.#missing.push({ first, last, seal });
  }

  #tell(
    kind: AuditFault["kind"],
    message: string,
    { seal = null, position = null }: { seal?: number | null; position?: number | null },
  ): void {
    if (this.#faults.length < faultsMax) this.#faults.push({ kind, seal, position, message });
  }
}
