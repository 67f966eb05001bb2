import { isAppError } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { storageFault, withStorageFaults } from "./storage-fault.ts";

const systemError = (code: string) => Object.assign(new Error(`${code}: failed`), { code });
const codeOf = async (error: unknown) => {
  try {
    await withStorageFaults("The directory", () => Promise.reject(error));
  } catch (thrown) {
    return isAppError(thrown) ? thrown.code : thrown;
  }
  return undefined;
};

describe("a storage fault", () => {
  it("is recognised in what a tool printed and in a system error", () => {
    expect(storageFault("cat: write error: No space left on device")?.code).toBe("storage.full");
    expect(storageFault("fatal: sha1 file 'index.lock' write error. Out of diskspace")?.code).toBe(
      "storage.full",
    );
    expect(storageFault(systemError("EDQUOT"))?.code).toBe("storage.full");
    expect(storageFault("mkdir: Read-only file system")?.code).toBe("home.unusable");
    expect(storageFault("anything else")).toBeNull();
  });

  it("gets a code, and any other failure is passed on as it is", async () => {
    expect(await codeOf(systemError("ENOSPC"))).toBe("storage.full");
    expect(await codeOf(systemError("EACCES"))).toBe("home.unusable");
    expect(await codeOf(systemError("ENOTDIR"))).toBe("home.unusable");
    const other = new Error("other");
    expect(await codeOf(other)).toBe(other);
    expect(await withStorageFaults("x", async () => 1)).toBe(1);
  });
});
