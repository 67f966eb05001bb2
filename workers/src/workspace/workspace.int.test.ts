import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isAppError } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { mountTinyDisk } from "../sandbox/testing/tiny-disk.ts";
import { refreshMirror } from "./mirror.ts";
import { aFixture, commitFiles, fixtureGit } from "./testing/fixture.ts";
import { checkoutFromMirror, createWorkspace } from "./workspace.ts";

const dir = useTempDir();
const inDir = (...names: string[]) => join(dir(), ...names);

describe("a workspace", () => {
  it("is a private clone of the pinned commit: no remote, no address, no other branch, closed to others", async () => {
    const { upstream, mirror, git, repository, mirrorsDir } = await aFixture(dir());
    await fixtureGit(upstream.path, "checkout", "--quiet", "-b", "secret-plans");
    const secret = await commitFiles(upstream.path, { secret: "plan" });
    await fixtureGit(upstream.path, "checkout", "--quiet", "main");
    await commitFiles(upstream.path, { later: "later" });
    await refreshMirror(git, { mirrorsDir, repository });

    await createWorkspace(mirror, { directory: inDir("ws"), commit: upstream.commit, branch: "main" });
    const ws = inDir("ws");
    expect(await fixtureGit(ws, "rev-parse", "HEAD")).toBe(upstream.commit);
    expect(await fixtureGit(ws, "branch", "--show-current")).toBe("main");
    expect(await fixtureGit(ws, "status", "--porcelain")).toBe("");
    expect(await fixtureGit(ws, "remote")).toBe("");
    expect(await fixtureGit(ws, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
    await expect(fixtureGit(ws, "cat-file", "-e", secret)).rejects.toThrow();
    const traces = spawnSync("grep", ["-rlE", "mirrors|upstream", join(ws, ".git")], { encoding: "utf8" });
    expect(traces.stdout).toBe("");
  });

  it("ignores what installing and testing leave behind, also where the repository forgot to", async () => {
    const { upstream, mirror } = await aFixture(dir());
    await createWorkspace(mirror, { directory: inDir("ws"), commit: upstream.commit });
    execFileSync("mkdir", ["-p", inDir("ws/node_modules/x"), inDir("ws/a/__pycache__")]);
    await writeFile(inDir("ws/node_modules/x/index.js"), "");
    await writeFile(inDir("ws/a/__pycache__/x.pyc"), "");
    expect(await fixtureGit(inDir("ws"), "status", "--porcelain")).toBe("");
    expect(await fixtureGit(inDir("ws"), "config", "user.name")).toBe("AgentVine");
    expect((await stat(inDir("ws"))).mode & 0o777).toBe(0o700);
  });

  it("can be made from a mirror of a shallow repository", async () => {
    const { upstream, git } = await aFixture(dir());
    await commitFiles(upstream.path, { b: "2" });
    await fixtureGit(dir(), "clone", "--quiet", "--depth=1", `file://${upstream.path}`, "shallow");
    const repository = { canonicalKey: "shallow", url: inDir("shallow") };
    const mirror = await refreshMirror(git, { mirrorsDir: inDir("mirrors"), repository });
    const commit = await fixtureGit(inDir("shallow"), "rev-parse", "HEAD");
    await createWorkspace(mirror, { directory: inDir("ws"), commit });
    expect(await readFile(inDir("ws/b"), "utf8")).toBe("2");
  });

  it("is never made in a directory that somebody could have prepared", async () => {
    const { upstream, mirror } = await aFixture(dir());
    await mkdir(inDir("ws/.git"), { recursive: true });
    const making = createWorkspace(mirror, { directory: inDir("ws"), commit: upstream.commit });
    await expect(making).rejects.toThrow("not empty");
  });

  it("says that the disk is full", async (context) => {
    await using disk = await mountTinyDisk();
    if (disk.directory === null) {
      context.skip("no small file system can be mounted here");
      return;
    }
    const { upstream, mirror, git, repository } = await aFixture(dir(), {
      noise: randomBytes(2_000_000).toString("base64"),
    });
    const isFull = (error: unknown) => isAppError(error, "storage.full");
    const making = createWorkspace(mirror, {
      directory: join(disk.directory, "ws"),
      commit: upstream.commit,
    });
    await expect(making).rejects.toSatisfy(isFull);
    const fetching = refreshMirror(git, { mirrorsDir: join(disk.directory, "mirrors"), repository });
    await expect(fetching).rejects.toSatisfy(isFull);
  });

  it("stops when told to", async () => {
    const { upstream, mirror } = await aFixture(dir());
    const signal = AbortSignal.abort(new Error("cancelled"));
    const making = createWorkspace(mirror, { directory: inDir("ws"), commit: upstream.commit, signal });
    await expect(making).rejects.toThrow("cancelled");
  });
});

describe("a checkout for verification", () => {
  it("takes the named files from another commit and drops those it does not have", async () => {
    const { upstream, mirror, git, repository, mirrorsDir } = await aFixture(dir(), {
      "a.txt": "old",
      "gone.txt": "old",
      "keep.txt": "old",
      "*.txt": "star",
    });
    const changes = {
      "a.txt": "new",
      "gone.txt": null,
      "keep.txt": "new",
      "sub/b c.txt": "new",
      ":(top)x": "odd",
    };
    const result = await commitFiles(upstream.path, changes);
    await refreshMirror(git, { mirrorsDir, repository });
    await checkoutFromMirror(mirror, {
      directory: inDir("check"),
      commit: upstream.commit,
      overlay: { commit: result, paths: ["a.txt", "gone.txt", "sub/b c.txt", ":(top)x", "never.txt"] },
    });
    const files = (await readdir(inDir("check"))).filter((name) => name !== ".git").sort();
    expect(files).toEqual(["*.txt", ":(top)x", "a.txt", "keep.txt", "sub"]);
    const text = (name: string) => readFile(inDir("check", name), "utf8");
    expect(await Promise.all(["a.txt", "keep.txt", "sub/b c.txt", "*.txt"].map(text))).toEqual([
      "new",
      "old",
      "new",
      "star",
    ]);
  });

  it("is the commit as it is when nothing is laid over it", async () => {
    const { upstream, mirror } = await aFixture(dir());
    await checkoutFromMirror(mirror, {
      directory: inDir("check"),
      commit: upstream.commit,
      overlay: { commit: upstream.commit, paths: [] },
    });
    expect(await fixtureGit(inDir("check"), "rev-parse", "HEAD")).toBe(upstream.commit);
  });
});
