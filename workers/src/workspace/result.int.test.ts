import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isAppError, newId } from "@agentvine/kit";
import { type TempDir, tempDir } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { changedFiles, unifiedDiff } from "./changes.ts";
import { commitWork } from "./commit-work.ts";
import { exportResult, ignoreSetupOutput, importResult, resultRef, workspaceStatus } from "./result.ts";
import { headCommit } from "./sandbox-git.ts";
import { takeSnapshot } from "./snapshot.ts";
import { aFixture, aWorkspace, type Fixture, shell } from "./testing/fixture.ts";
import { checkoutFromMirror } from "./workspace.ts";

let home: TempDir;
let fixture: Fixture;
let sandbox: Sandbox;
let taskId: string;
const dir = () => home.path;

beforeAll(async () => {
  home = await tempDir();
  fixture = await aFixture(dir());
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
});
beforeEach(async () => {
  taskId = newId();
  sandbox = await aWorkspace(fixture);
});
afterEach(async () => {
  await sandbox.close();
});

const commit = (more: { base?: string; message?: string } = {}) =>
  commitWork(sandbox, { message: "fix: add adds", taskId, ...more });
const show = async (format: string, id: string) =>
  (await fixture.mirror.git(["show", "--no-patch", `--format=${format}`, id])).text.trim();

async function handIn(): Promise<string> {
  const baseCommit = fixture.upstream.commit;
  const result = await exportResult(sandbox, { baseCommit });
  if (result === null) {
    throw new Error("nothing to hand in");
  }
  await importResult(fixture.mirror, { ...result, baseCommit, ref: resultRef(taskId, 1) });
  return result.commit;
}

async function expectInvalid(
  work: Promise<unknown>,
  message: RegExp,
  code = "workspace.invalid",
): Promise<void> {
  await expect(work).rejects.toSatisfy((error) => {
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    return isAppError(error);
  });
}

describe("the way of a result", () => {
  it("goes from the workspace to the mirror as one commit with the task's id", async () => {
    await shell(
      sandbox,
      "echo fixed > src/add.js; echo new > 'new file'; rm README.md; echo x > ignored.pyc",
    );
    expect((await workspaceStatus(sandbox)).sort()).toEqual([" D README.md", " M src/add.js", "?? new file"]);
    const { commit: made, isEmpty } = await commit();
    expect(isEmpty).toBe(false);
    expect(await workspaceStatus(sandbox)).toEqual([]);
    expect(await handIn()).toBe(made);
    expect(await show("%B%an <%ae>", made)).toBe(
      `fix: add adds\n\nAgentVine-Task: ${taskId}\nAgentVine <agentvine@localhost>`,
    );
    expect(await show("%(trailers:key=AgentVine-Task,valueonly)", made)).toBe(taskId);
    expect((await fixture.mirror.git(["rev-parse", resultRef(taskId, 1)])).text.trim()).toBe(made);
  });

  it("is nothing when nothing was done", async () => {
    expect(await commit()).toEqual({ commit: fixture.upstream.commit, isEmpty: true });
    expect(await exportResult(sandbox, { baseCommit: fixture.upstream.commit })).toBeNull();
  });

  it("can be checked out again for verification", async () => {
    await shell(sandbox, "echo fixed > src/add.js");
    await commit();
    const made = await handIn();
    await checkoutFromMirror(fixture.mirror, { directory: join(dir(), `check-${taskId}`), commit: made });
    expect(await readFile(join(dir(), `check-${taskId}/src/add.js`), "utf8")).toBe("fixed\n");
  });

  it("takes a later result of the same attempt in place of the earlier one", async () => {
    await shell(sandbox, "echo one > one");
    await commit();
    await handIn();
    await shell(sandbox, "echo two > two");
    await commit({ base: fixture.upstream.commit });
    const second = await handIn();
    expect((await fixture.mirror.git(["rev-parse", resultRef(taskId, 1)])).text.trim()).toBe(second);
  });
});

describe("committing the work", () => {
  it("makes one commit of all the agent's commits, also when it rewrote history or left a merge half done", async () => {
    const base = fixture.upstream.commit;
    await shell(
      sandbox,
      `git checkout -q --orphan fresh && git commit -qm "wip 1" && echo a > a && git add a && git commit -qm "wip 2"
       git checkout -q -b other HEAD~1 && echo b > a && git add a && git commit -qm other && ! git merge -q fresh
       echo resolved > a`,
    );
    const { commit: made } = await commit({ base });
    await handIn();
    expect(await show("%P", made)).toBe(base);
    expect((await changedFiles(fixture.mirror, base, made)).map((file) => file.path)).toEqual(["a"]);
  });

  it("goes back to the base when the agent's commits cancel each other out", async () => {
    await shell(sandbox, "echo a > a && git add a && git commit -qm a && git rm -q a && git commit -qm b");
    expect(await commit({ base: fixture.upstream.commit })).toMatchObject({ isEmpty: true });
    expect(await headCommit(sandbox)).toBe(fixture.upstream.commit);
  });

  it("is not stopped by hooks, signing, a stale lock or odd names", async () => {
    await shell(
      sandbox,
      `mkdir -p .git/hooks; printf '#!/bin/sh\\nexit 1\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
       git config commit.gpgSign true; git config gpg.program false; git config core.editor false
       touch .git/index.lock; touch -- -n '$(x)' "$(printf 'new\\nline')"`,
    );
    const { isEmpty } = await commitWork(sandbox, {
      message: "feat: $(touch planted) `x`",
      taskId,
      author: { name: "Ada <x>\n", email: "" },
    });
    expect(isEmpty).toBe(false);
    const made = await handIn();
    expect(await show("%s|%an", made)).toBe("feat: $(touch planted) `x`|Ada x");
    const names = (await changedFiles(fixture.mirror, fixture.upstream.commit, made)).map(
      (file) => file.path,
    );
    expect(names.sort()).toEqual(["$(x)", "-n", "new\nline"]);
  });

  it("refuses a repository inside the repository, whose files would be lost", async () => {
    await shell(
      sandbox,
      "git init -q sub && cd sub && touch x && git add x && git -c user.name=a -c user.email=a commit -qm x",
    );
    await expectInvalid(commit(), /"sub" is a git repository of its own/);
  });

  it("says that the repository is gone when the agent deleted everything, and touches no other", async () => {
    await shell(sandbox, "rm -rf -- .git ./*");
    await expectInvalid(commit(), /not a git repository/);
    await expectInvalid(workspaceStatus(sandbox), /not a git repository/);
    await shell(sandbox, "cd .. && rm -rf workspace");
    await expectInvalid(commit(), /could not start/);
  });
});

describe("handing in", () => {
  it("refuses a result that does not build on the base", async () => {
    await shell(sandbox, "git checkout -q --orphan fresh && git commit -qm rewritten");
    await expectInvalid(handIn(), /history was rewritten/);
  });

  it("refuses a result that is larger than allowed", async () => {
    await shell(sandbox, "head -c 3000000 /dev/urandom > big");
    await commit();
    const work = exportResult(sandbox, { baseCommit: fixture.upstream.commit, bytesMax: 2_000_000 });
    await expectInvalid(work, /larger than 1 MiB/, "workspace.too_large");
  });

  it("refuses a huge file with holes at once, uncommitted or committed by the agent itself", async () => {
    await shell(sandbox, "mkdir -p 'a b' && truncate -s 300M 'a b/-huge.bin' && rm README.md");
    await expectInvalid(commit(), /"a b\/-huge\.bin" is larger than 256 MiB/, "workspace.too_large");
    await expectInvalid(
      takeSnapshot(sandbox, { baseCommit: fixture.upstream.commit }),
      /is larger than 256 MiB/,
      "workspace.too_large",
    );
    await shell(sandbox, "git add --all && git -c user.name=x -c user.email=x@example.com commit -qm huge");
    await commit();
    await expectInvalid(handIn(), /"a b\/-huge\.bin" is larger than 256 MiB/, "workspace.too_large");
  });

  it("refuses bytes that are no bundle, hold another commit, or objects that git finds dangerous", async () => {
    const baseCommit = fixture.upstream.commit;
    const ref = resultRef(taskId, 2);
    const take = (bytes: Uint8Array, id: string) =>
      importResult(fixture.mirror, { bytes, commit: id, baseCommit, ref });
    await expectInvalid(take(Buffer.from("nonsense"), baseCommit), /bundle was refused/);
    await shell(sandbox, "echo a > a");
    await commit();
    const good = await exportResult(sandbox, { baseCommit });
    await expectInvalid(take(good?.bytes ?? new Uint8Array(), baseCommit), /not hold the commit/);
    await shell(
      sandbox,
      `blob=$(printf /etc/passwd | git hash-object -w --stdin)
       tree=$(printf '120000 blob %s\t.gitmodules\n' $blob | git mktree)
       git update-ref HEAD $(git commit-tree $tree -p HEAD -m x)`,
    );
    await expectInvalid(handIn(), /bundle was refused: .*gitmodules/);
    expect((await fixture.mirror.git(["for-each-ref", `refs/agentvine/${taskId}-*`])).text).toBe("");
  });

  it("ends typed when the sandbox is closed under it", async () => {
    await sandbox.close();
    await expectInvalid(headCommit(sandbox), /interrupted/, "sandbox.failed");
  });
});

describe("what setup made", () => {
  it("is not the agent's work", async () => {
    await shell(sandbox, "mkdir -p 'build [x]/sub' && touch 'build [x]/sub/out' '#odd !' plain");
    await ignoreSetupOutput(sandbox);
    await ignoreSetupOutput(sandbox);
    expect(await workspaceStatus(sandbox)).toEqual([]);
    await shell(sandbox, "touch work buildx");
    expect((await workspaceStatus(sandbox)).sort()).toEqual(["?? buildx", "?? work"]);
  });
});

describe("the changes of a result", () => {
  it("are told per file: added, modified, deleted, renamed, binary, odd names", async () => {
    await shell(
      sandbox,
      `git mv README.md "READ ME.md"; printf 'a\\nb\\n' > added; printf '\\0\\1' > binary; echo 'x' >> src/add.js; chmod +x src/add.js
       touch "$(printf 'tab\\tname')"`,
    );
    const { commit: made } = await commit();
    await handIn();
    const changes = await changedFiles(fixture.mirror, fixture.upstream.commit, made);
    expect(changes.sort((left, right) => (left.path < right.path ? -1 : 1))).toEqual([
      { path: "READ ME.md", status: "renamed", additions: 0, deletions: 0 },
      { path: "added", status: "added", additions: 2, deletions: 0 },
      { path: "binary", status: "added", additions: 0, deletions: 0 },
      { path: "src/add.js", status: "modified", additions: 1, deletions: 0 },
      { path: "tab\tname", status: "added", additions: 0, deletions: 0 },
    ]);
    await shell(sandbox, "git rm -q -r src");
    await commit();
    const last = await handIn();
    expect(await changedFiles(fixture.mirror, made, last)).toEqual([
      { path: "src/add.js", status: "deleted", additions: 0, deletions: 2 },
    ]);
    expect(await changedFiles(fixture.mirror, last, last)).toEqual([]);
  });

  it("are a unified diff, cut at a line when too long", async () => {
    await shell(sandbox, "seq 1 50000 > numbers; echo fixed > src/add.js");
    const { commit: made } = await commit();
    await handIn();
    const diff = await unifiedDiff(fixture.mirror, fixture.upstream.commit, made);
    expect(diff.isTruncated).toBe(false);
    expect(diff.patch).toContain("+fixed\n");
    const cut = await unifiedDiff(fixture.mirror, fixture.upstream.commit, made, { bytesMax: 1_000 });
    expect(cut.isTruncated).toBe(true);
    expect(cut.patch.length).toBeLessThanOrEqual(1_000);
    expect(cut.patch).toMatch(/^\+\d+\n$/m);
    expect(cut.patch.endsWith("\n")).toBe(true);
  });
});

describe("an agent that planted traps", () => {
  it("reaches nothing outside of its sandbox: no hook, filter, driver or alias of the workspace runs on the host", async () => {
    const marker = join(dir(), "marker");
    const trap = join(dir(), "trap.sh");
    // Inside a sandbox run the tag is there; on the host's own path it is not, and only then the marker is written.
    await writeFile(
      trap,
      `#!/bin/sh\nif [ -z "$AGENTVINE_SANDBOX_ID" ]; then echo "$0 $*" >> ${marker}; exit; fi\necho fired >> ${marker}.inside; cat\n`,
      { mode: 0o755 },
    );
    await shell(
      sandbox,
      `for hook in pre-commit post-commit post-checkout post-rewrite pre-push reference-transaction post-index-change pre-auto-gc \\
         post-merge commit-msg prepare-commit-msg update pre-receive post-receive push-to-checkout fsmonitor-watchman; do
         mkdir -p .git/hooks planted-hooks; cp ${trap} .git/hooks/$hook; cp ${trap} planted-hooks/$hook; done
       git config core.fsmonitor ${trap}; git config core.sshCommand ${trap}; git config core.editor ${trap}
       git config core.pager ${trap}; git config core.askPass ${trap}; git config sequence.editor ${trap}
       git config filter.x.clean ${trap}; git config filter.x.smudge ${trap}; git config filter.p.process ${trap}
       git config diff.x.command ${trap}; git config diff.x.textconv ${trap}; git config merge.x.driver ${trap}
       git config diff.external ${trap}; git config interactive.diffFilter ${trap}; git config gpg.program ${trap}
       git config credential.helper ${trap}; git config trailer.x.cmd ${trap}; git config alias.status '!${trap}'
       git config uploadpack.packObjectsHook ${trap}; git config url.ext::${trap}.insteadOf https://
       printf '[core]\\n\\tfsmonitor = ${trap}\\n\\thooksPath = ${dir()}\\n' > .git/planted; git config include.path planted
       git config extensions.worktreeConfig true; printf '[core]\\n\\tfsmonitor = ${trap}\\n' > .git/config.worktree
       printf '* filter=x diff=x merge=x\\n*.p filter=p\\n' > .gitattributes; cp .gitattributes .git/info/attributes
       git config core.hooksPath planted-hooks; echo changed > src/add.js; touch a.p`,
    );
    await workspaceStatus(sandbox);
    const { commit: made } = await commit({ base: fixture.upstream.commit });
    await handIn();
    await changedFiles(fixture.mirror, fixture.upstream.commit, made);
    const diff = await unifiedDiff(fixture.mirror, fixture.upstream.commit, made);
    await checkoutFromMirror(fixture.mirror, {
      directory: join(dir(), `check-${taskId}`),
      commit: fixture.upstream.commit,
      overlay: { commit: made, paths: ["src/add.js", ".gitattributes", "a.p"] },
    });
    expect(diff.patch).toContain("+changed");
    // The traps work: some did fire, where it is allowed.
    await access(`${marker}.inside`);
    await expect(access(marker)).rejects.toThrow("ENOENT");
  });
});
