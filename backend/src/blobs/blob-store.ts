import type { Readable } from "node:stream";

export interface StoredBlob {
  /** SHA-256 in hexadecimal. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Bytes that have arrived and are not kept yet. */
export interface StagedBlob extends StoredBlob {
  /** The first bytes, at most so many. */
  head(bytesMax: number): Promise<Buffer>;
  /** Keeps the bytes for good. */
  keep(): Promise<void>;
  /** Forgets the bytes, unless they were kept. */
  discard(): Promise<void>;
}

/** Bytes kept outside the database, found by their SHA-256. A row holds digest and size. */
export interface BlobStore {
  /**
   * Keeps the bytes; the same bytes again are kept once. Nothing stays of an upload that fails.
   * @throws AppError `artifact.digest_mismatch` when they are not what `digest` says, `storage.full` when there is no room.
   */
  put(source: Readable, digest: string): Promise<StoredBlob>;
  /** Takes the bytes in, to be looked at before they are kept. Nothing stays of an upload that fails. @throws AppError `storage.full` */
  stage(source: Readable): Promise<StagedBlob>;
  /** @throws AppError `artifact.not_found` */
  open(digest: string): Promise<Readable>;
  has(digest: string): Promise<boolean>;
  /** Forgets the bytes; it is no error when they are gone already. */
  delete(digest: string): Promise<void>;
  /** Removes what uploads left behind that were cut off by a crash at least so long ago; returns how many. */
  deleteDrafts(olderThanSeconds: number): Promise<number>;
}
