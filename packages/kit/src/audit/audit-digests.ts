import { createHash, type Hash } from "node:crypto";
import type { AuditEntry, AuditSeal } from "@agentvine/contracts";

/** What the first seal follows. */
export const noDigest = "0".repeat(64);

/** JSON with the keys of every object in the order of their code units: one value has one text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    const sorted = fields.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

/** The text of an entry that is sealed: every field of it, its place included. */
export const canonicalEntry = (entry: AuditEntry): string =>
  canonicalJson(["agentvine-audit-entry-1", entry]);

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Takes the digest of a run of entries, one after the other. */
export class EntriesDigest {
  readonly #hash: Hash = createHash("sha256");

  add(entry: AuditEntry): void {
    this.#hash.update(`${canonicalEntry(entry)}\n`);
  }

  /** In hexadecimal; nothing can be added afterwards. */
  end(): string {
    return this.#hash.digest("hex");
  }
}

/** What a seal states that says which entries were removed. */
export const removalDigest = (firstPosition: number, lastPosition: number): string =>
  digestOf(canonicalJson(["agentvine-audit-removal-1", firstPosition, lastPosition]));

/** The digest of a seal, over everything it states and the seal before it. */
export const sealDigest = (seal: Omit<AuditSeal, "digest">): string =>
  digestOf(
    canonicalJson([
      "agentvine-audit-seal-1",
      ...[seal.number, seal.kind, seal.firstPosition, seal.lastPosition],
      ...[seal.contentDigest, seal.previousDigest, seal.sealedAt],
    ]),
  );
