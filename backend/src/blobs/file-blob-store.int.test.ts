import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { useTempDir } from "@agentvine/testkit";
import { expect, it } from "vitest";
import { createFileBlobStore } from "./file-blob-store.ts";

const run = promisify(execFile);
const tempDir = useTempDir();
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

it("answers a full disk with storage.full, gives the room back, and takes what fits", async ({ skip }) => {
  const directory = join(tempDir(), "small");
  await mkdir(directory);
  const isMounted = await run("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", directory]).then(
    () => true,
    () => false,
  );
  if (!isMounted) {
    process.stderr.write("SKIPPED: a small file system can't be mounted here\n");
    skip();
  }
  try {
    const store = createFileBlobStore(directory);
    const large = Buffer.alloc(1_048_576, "x");
    const chunks = Readable.from(
      Array.from({ length: 16 }, (_, n) => large.subarray(n * 65_536, (n + 1) * 65_536)),
    );
    await expect(store.put(chunks, sha256(large))).rejects.toMatchObject({
      code: "storage.full",
      status: 503,
    });
    await expect(readdir(join(directory, "drafts"))).resolves.toEqual([]);
    const small = Buffer.alloc(100_000, "y");
    await expect(store.put(Readable.from([small]), sha256(small))).resolves.toMatchObject({
      sizeBytes: 100_000,
    });
  } finally {
    await run("umount", ["-l", directory]);
  }
});
