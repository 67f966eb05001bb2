import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "@agentvine/kit";
import type { BlobStore, StoredBlob } from "./blob-store.ts";

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

const storageFault = (error: unknown): unknown =>
  codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT"
    ? new AppError("storage.full", "The disk that holds the artifacts is full.", { cause: error })
    : error;

/** Files below a directory, written beside and renamed, so that a name never shows half of its bytes. */
export function createFileBlobStore(directory: string): BlobStore {
  const drafts = join(directory, "drafts");
  const pathOf = (digest: string): string => join(directory, digest.slice(0, 2), digest);

  /** Takes bytes in; removes them again when that fails, and when `use` does. */
  async function withDraft<T>(
    source: Readable,
    use: (draft: string, written: StoredBlob) => Promise<T>,
  ): Promise<T> {
    const draft = join(drafts, randomUUID());
    try {
      await mkdir(drafts, { recursive: true, mode: 0o700 });
      return await use(draft, await writeDraft(source, draft));
    } catch (error) {
      await rm(draft, { force: true });
      throw storageFault(error);
    }
  }

  return {
    put: (source, digest) =>
      withDraft(source, async (draft, written) => {
        if (written.digest !== digest) {
          throw new AppError("artifact.digest_mismatch", `The bytes have the SHA-256 ${written.digest}.`, {
            data: { digest: written.digest },
          });
        }
        await moveTo(draft, pathOf(digest));
        return written;
      }),
    stage: (source) =>
      withDraft(source, async (draft, written) => ({
        ...written,
        head: (bytesMax) => readHead(draft, bytesMax),
        keep: () => moveTo(draft, pathOf(written.digest)),
        discard: () => rm(draft, { force: true }),
      })),
    async open(digest) {
      try {
        const file = await open(pathOf(digest), "r");
        return file.createReadStream();
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error;
        throw new AppError("artifact.not_found", "The bytes of this artifact are gone.", { cause: error });
      }
    },

    has: (digest) =>
      access(pathOf(digest)).then(
        () => true,
        () => false,
      ),

    delete: (digest) => rm(pathOf(digest), { force: true }),

    async deleteDrafts(olderThanSeconds) {
      const oldestMs = Date.now() - olderThanSeconds * 1_000;
      let removed = 0;
      for (const name of await readdir(drafts).catch(() => [])) {
        const path = join(drafts, name);
        const changedMs = await stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => Number.POSITIVE_INFINITY,
        );
        if (changedMs > oldestMs) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

async function writeDraft(source: Readable, draft: string): Promise<StoredBlob> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(source, measure, createWriteStream(draft, { mode: 0o600 }));
  // On disk before a row may speak of it.
  await sync(draft);
  return { digest: hash.digest("hex"), sizeBytes };
}

async function readHead(path: string, bytesMax: number): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Gives the draft its name, for good: a power cut does not take it back. */
async function moveTo(draft: string, path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await rename(draft, path);
  await sync(folder);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
