import { execFileSync } from "node:child_process";
import { chmod, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type AppError, isAppError, newId } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { commitWork } from "./commit-work.ts";
import { type PublishOptions, publishBranch, publishedBranch } from "./publish.ts";
import { exportResult, importResult, resultRef } from "./result.ts";
import {
  aFixture,
  aGit,
  aWorkspace,
  commitFiles,
  type Fixture,
  fixtureGit,
  shell,
} from "./testing/fixture.ts";

const dir = useTempDir();
const isRoot = process.getuid?.() === 0;
const taskId = newId();
const branch = publishedBranch(taskId, 2);
let fixture: Fixture;
let sandbox: Sandbox;
let bundle: Uint8Array;
let commit: string;

beforeEach(async () => {
  fixture = await aFixture(dir());
  sandbox = await aWorkspace(fixture);
  await shell(sandbox, "echo fixed > src/add.js");
  await commitWork(sandbox, { message: "fix: add adds", taskId });
  const result = await exportResult(sandbox, { baseCommit: fixture.upstream.commit });
  bundle = result?.bytes ?? new Uint8Array();
  commit = result?.commit ?? "";
});
afterEach(async () => {
  await sandbox.close();
});

const ref = resultRef(taskId, 2);
const take = () =>
  importResult(fixture.mirror, { bytes: bundle, commit, baseCommit: fixture.upstream.commit, ref });
const neverLoad = () => Promise.reject(new Error("the bundle was not needed"));

function publish(more: Partial<PublishOptions> = {}) {
  return publishBranch(fixture.git, {
    mirrorsDir: fixture.mirrorsDir,
    repository: fixture.repository,
    branch,
    baseCommit: fixture.upstream.commit,
    commit,
    ref,
    loadBundle: async () => bundle,
    ...more,
  });
}
const upstreamHas = (name: string) => fixtureGit(fixture.upstream.path, "rev-parse", `refs/heads/${name}`);

async function refusal(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    if (isAppError(error)) {
      return error;
    }
    throw error;
  }
  throw new Error("a refusal was expected");
}

describe("publishing", () => {
  it("pushes the result as the attempt's branch, and doing it again changes nothing", async () => {
    await take();
    expect(branch).toBe(`agentvine/${taskId}/a2`);
    expect(await publish({ loadBundle: neverLoad })).toEqual({ branch, commit, isAlreadyThere: false });
    expect(await upstreamHas(branch)).toBe(commit);
    expect(await publish({ loadBundle: neverLoad })).toEqual({ branch, commit, isAlreadyThere: true });
    expect(await upstreamHas("main")).toBe(fixture.upstream.commit);
  });

  it("works on another worker, whose mirror knows neither the result nor the repository", async () => {
    const other = join(dir(), "other-mirrors");
    expect(await publish({ mirrorsDir: other })).toMatchObject({ isAlreadyThere: false });
    expect(await upstreamHas(branch)).toBe(commit);
  });

  it("finds the base by its id when no branch leads to it any more", async () => {
    await fixtureGit(fixture.upstream.path, "config", "uploadpack.allowAnySHA1InWant", "true");
    await fixtureGit(fixture.upstream.path, "checkout", "--quiet", "--orphan", "fresh");
    await commitFiles(fixture.upstream.path, { fresh: "start" });
    await fixtureGit(fixture.upstream.path, "branch", "--quiet", "-D", "main");
    await publish({ mirrorsDir: join(dir(), "other-mirrors") });
    expect(await upstreamHas(branch)).toBe(commit);
  });

  it("is refused clearly when the base is gone from the repository", async () => {
    await rm(fixture.upstream.path, { recursive: true });
    await mkdir(fixture.upstream.path);
    await fixtureGit(fixture.upstream.path, "init", "--quiet");
    await commitFiles(fixture.upstream.path, { other: "repository" });
    const error = await refusal(publish({ mirrorsDir: join(dir(), "other-mirrors") }));
    expect(error).toMatchObject({
      code: "publish.refused",
      message: expect.stringContaining("no longer in the repository"),
    });
  });

  it("never overwrites a branch that has another commit", async () => {
    await take();
    await fixtureGit(fixture.upstream.path, "branch", branch);
    const error = await refusal(publish());
    expect(error).toMatchObject({ code: "publish.conflict", data: { commit: fixture.upstream.commit } });
    expect(await upstreamHas(branch)).toBe(fixture.upstream.commit);
  });

  it("notices a branch that appears while it pushes: the same commit is fine, another is a conflict", async () => {
    await take();
    // The repository's own hook stands in for somebody who is quicker: it makes the branch and refuses the push.
    const hook = join(fixture.upstream.path, ".git/hooks/pre-receive");
    await mkdir(join(hook, ".."), { recursive: true });
    const git = "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY -u GIT_ALTERNATE_OBJECT_DIRECTORIES git";
    await writeFile(
      hook,
      `#!/bin/sh\n${git} update-ref refs/heads/${branch} ${fixture.upstream.commit}\nexit 1\n`,
      {
        mode: 0o755,
      },
    );
    expect(await refusal(publish())).toMatchObject({ code: "publish.conflict" });
    await fixtureGit(fixture.upstream.path, "update-ref", "-d", `refs/heads/${branch}`);
    await fixtureGit(fixture.upstream.path, "fetch", "--quiet", fixture.mirror.path, commit);
    await writeFile(hook, `#!/bin/sh\n${git} update-ref refs/heads/${branch} ${commit}\nexit 1\n`);
    expect(await publish()).toMatchObject({ isAlreadyThere: true });
  });

  it("gives the repository's own words when a hook refuses", async () => {
    await take();
    const hook = join(fixture.upstream.path, ".git/hooks/pre-receive");
    await mkdir(join(hook, ".."), { recursive: true });
    await writeFile(hook, "#!/bin/sh\necho 'no branches on Fridays' >&2\nexit 1\n", { mode: 0o755 });
    const error = await refusal(publish());
    expect(error.code).toBe("publish.refused");
    expect(error.retryable).toBe(false);
    expect(error.message).toContain("no branches on Fridays");
  });

  it("refuses a bundle that holds another commit than the one approved", async () => {
    const error = await refusal(
      publish({ mirrorsDir: join(dir(), "other"), commit: fixture.upstream.commit.replace(/^./, "f") }),
    );
    expect(error.code).toBe("workspace.invalid");
  });

  it("says so when the repository is gone", async () => {
    await take();
    await rm(fixture.upstream.path, { recursive: true });
    expect((await refusal(publish())).code).toBe("repository.missing");
  });

  it("takes no branch name that is an option", async () => {
    await expect(publish({ branch: "--mirror" })).rejects.toThrow("valid git branch name");
  });

  it.runIf(isRoot)(
    "into another user's repository leaves nothing there that its owner can't change, and runs hooks as the owner",
    async () => {
      await take();
      await chmod(dir(), 0o755);
      const hook = join(fixture.upstream.path, ".git/hooks/post-receive");
      await mkdir(join(hook, ".."), { recursive: true });
      await writeFile(hook, "#!/bin/sh\nid -u > hook-ran-as\n", { mode: 0o755 });
      execFileSync("chown", ["-R", "65534:65534", fixture.upstream.path]);
      await publish();
      const foreign = execFileSync("find", [fixture.upstream.path, "-not", "-uid", "65534"], {
        encoding: "utf8",
      });
      expect(foreign).toBe("");
      const ranAs = execFileSync("cat", [join(fixture.upstream.path, ".git/hook-ran-as")], {
        encoding: "utf8",
      });
      expect(ranAs.trim()).toBe("65534");
      expect((await stat(fixture.mirror.path)).uid).toBe(0);
    },
  );

  it.runIf(!isRoot)("into a repository we may not write is refused", async () => {
    await take();
    execFileSync("chmod", ["-R", "a-w", fixture.upstream.path]);
    const error = await refusal(publish());
    execFileSync("chmod", ["-R", "u+w", fixture.upstream.path]);
    expect(error.code).toBe("publish.refused");
  });

  it("stops when told to", async () => {
    const git = await aGit(dir());
    const work = publishBranch(git, {
      mirrorsDir: fixture.mirrorsDir,
      repository: fixture.repository,
      branch,
      baseCommit: fixture.upstream.commit,
      commit,
      ref,
      loadBundle: neverLoad,
      signal: AbortSignal.abort(new Error("cancelled")),
    });
    await expect(work).rejects.toThrow("cancelled");
  });
});
