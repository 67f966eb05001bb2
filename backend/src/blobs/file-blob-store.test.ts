import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { createFileBlobStore } from "./file-blob-store.ts";

const tempDir = useTempDir();
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const drafts = (directory: string) => readdir(join(directory, "drafts"));

describe("file blob store", () => {
  it("gives back the bytes it was given, also when they come twice", async () => {
    const store = createFileBlobStore(join(tempDir(), "blobs"));
    const digest = sha256("hello");
    await expect(store.put(Readable.from(["hel", "lo"].map(Buffer.from)), digest)).resolves.toEqual({
      digest,
      sizeBytes: 5,
    });
    await store.put(Readable.from([Buffer.from("hello")]), digest);
    await expect(buffer(await store.open(digest))).resolves.toEqual(Buffer.from("hello"));
    await expect(store.has(digest)).resolves.toBe(true);
  });

  it("refuses bytes that are not what the digest says and keeps nothing of them", async () => {
    const directory = join(tempDir(), "mismatch");
    const store = createFileBlobStore(directory);
    const digest = sha256("promised");
    await expect(store.put(Readable.from([Buffer.from("sent")]), digest)).rejects.toMatchObject({
      code: "artifact.digest_mismatch",
    });
    await expect(store.has(digest)).resolves.toBe(false);
    await expect(drafts(directory)).resolves.toEqual([]);
  });

  it("keeps nothing of an upload that breaks off", async () => {
    const directory = join(tempDir(), "broken");
    const store = createFileBlobStore(directory);
    const broken = Readable.from(
      (function* () {
        yield Buffer.from("half");
        throw new Error("connection lost");
      })(),
    );
    await expect(store.put(broken, sha256("half of it"))).rejects.toThrow("connection lost");
    await expect(drafts(directory)).resolves.toEqual([]);
  });

  it("says that the disk is full when it is", async () => {
    const store = createFileBlobStore(join(tempDir(), "full"));
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    const source = new Readable({ read: () => source.destroy(full) });
    await expect(store.put(source, sha256("x"))).rejects.toMatchObject({ code: "storage.full" });
  });

  it("passes on what it does not understand", async () => {
    const directory = join(tempDir(), "blocked");
    await writeFile(directory, "a file where the directory should be");
    const store = createFileBlobStore(directory);
    await expect(store.put(Readable.from([]), sha256(""))).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(store.open(sha256(""))).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(store.deleteDrafts(0)).resolves.toBe(0);
  });

  it("says that bytes are gone, and forgets without complaint", async () => {
    const store = createFileBlobStore(join(tempDir(), "gone"));
    await store.delete(sha256("x"));
    await expect(store.open(sha256("x"))).rejects.toMatchObject({ code: "artifact.not_found" });
  });
});
