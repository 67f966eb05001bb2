import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { withDataDir } from "./data-dir.ts";

describe("withDataDir", () => {
  const dir = useTempDir();
  const status = {
    pid: 1,
    name: "w",
    workerId: null,
    serverUrl: "http://x",
    state: "starting" as const,
    startedAt: "now",
  };

  it("shows the worker's status while it runs and not afterwards", async () => {
    const path = join(dir(), "a", "b");
    const read = await withDataDir(path, async (data) => {
      await data.writeStatus(status);
      return JSON.parse(await readFile(join(path, "worker.json"), "utf8"));
    });
    expect(read).toEqual(status);
    expect(existsSync(join(path, "worker.json"))).toBe(false);
  });

  it("belongs to one process at a time", async () => {
    await withDataDir(dir(), async () => {
      await expect(withDataDir(dir(), async () => "second")).rejects.toMatchObject({ code: "home.in_use" });
    });
    expect(await withDataDir(dir(), async () => "later")).toBe("later");
  });

  it("hands on the errors of what runs in it", async () => {
    const error = new AppError("repository.busy", "mine");
    await expect(
      withDataDir(dir(), async () => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it("says so when the directory can't be used", async () => {
    await writeFile(join(dir(), "file"), "");
    await expect(withDataDir(join(dir(), "file"), async () => 1)).rejects.toMatchObject({
      code: "home.unusable",
    });
  });
});
