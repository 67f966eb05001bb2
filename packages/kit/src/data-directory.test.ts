import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDataDirectory } from "./data-directory.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentvine-kit-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("prepareDataDirectory", () => {
  it("makes the directory with its parents, for its owner alone, and takes one that is there", async () => {
    const path = join(folder, "a", "b", "home");
    await prepareDataDirectory(path);
    await prepareDataDirectory(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o700);
  });

  it("refuses a path below a file, with the remedy", async () => {
    await writeFile(join(folder, "file"), "");
    const refused = prepareDataDirectory(join(folder, "file", "home"));
    await expect(refused).rejects.toMatchObject({
      code: "home.unusable",
      message: expect.stringContaining("Set AGENTVINE_HOME"),
    });
  });

  it("refuses what can never be made instead of trying for ever", async () => {
    await expect(prepareDataDirectory("/proc/none/home")).rejects.toMatchObject({ code: "home.unusable" });
  });
});
