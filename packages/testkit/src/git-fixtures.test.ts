import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { commitFiles, createRepository, git } from "./git-fixtures.ts";
import { useTempDir } from "./temp-dir.ts";

const dir = useTempDir();

it("makes a repository whose commit id depends on its files alone", async () => {
  const files = { "package.json": "{}\n", "src/deep/index.js": "1;\n" };
  const first = await createRepository(join(dir(), "first"), files);
  const second = await createRepository(join(dir(), "second"), files);
  expect(first.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(second.commit).toBe(first.commit);
  expect(await git(first.path, "branch", "--show-current")).toBe("main");
  expect(await git(first.path, "status", "--porcelain")).toBe("");
});

it("adds, changes and deletes files in a further commit", async () => {
  const { path, commit } = await createRepository(dir(), { keep: "1\n", gone: "1\n" });
  const next = await commitFiles(path, { keep: "2\n", gone: null, "run.sh": "#!/bin/sh\n" }, "fix: change");
  expect(await git(path, "diff", "--name-status", commit, next)).toBe("D\tgone\nM\tkeep\nA\trun.sh");
  expect(await git(path, "log", "-1", "--format=%s %an %ae")).toBe("fix: change Ada Fixture ada@example.com");
  expect(statSync(join(path, "run.sh")).mode & 0o111).toBe(0o111);
});

it("fails with git's own words", async () => {
  await expect(git(dir(), "rev-parse", "HEAD")).rejects.toThrow("not a git repository");
});
