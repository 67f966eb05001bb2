import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "@agentvine/kit";
import type { BlobStore } from "./blob-store.ts";

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

const storageFault = (error: unknown): unknown =>
  codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT"
    ? new AppError("storage.full", "The disk that holds the artifacts is full.", { cause: error })
    : error;

/** Files below a directory, written beside and renamed, so that a name never shows half of its bytes. */
export function createFileBlobStore(directory: string): BlobStore {
  const pathOf = (digest: string): string => join(directory, digest.slice(0, 2), digest);

  return {
    async put(source, digest) {
      const draft = join(directory, "drafts", randomUUID());
      try {
        await mkdir(dirname(draft), { recursive: true, mode: 0o700 });
        const written = await writeDraft(source, draft);
        if (written.digest !== digest) {
          throw new AppError("artifact.digest_mismatch", `The bytes have the SHA-256 ${written.digest}.`, {
            data: { digest: written.digest },
          });
        }
        const path = pathOf(digest);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await rename(draft, path);
        return written;
      } catch (error) {
        await rm(draft, { force: true });
        throw storageFault(error);
      }
    },

    async open(digest) {
      const path = pathOf(digest);
      if (!(await isThere(path))) {
        throw new AppError("artifact.not_found", "The bytes of this artifact are gone.");
      }
      return createReadStream(path);
    },

    has: (digest) => isThere(pathOf(digest)),
    delete: (digest) => rm(pathOf(digest), { force: true }),
  };
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function writeDraft(source: NodeJS.ReadableStream, draft: string) {
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
  const file = await open(draft, "r");
  await file.sync();
  await file.close();
  return { digest: hash.digest("hex"), sizeBytes };
}
