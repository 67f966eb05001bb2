import { chmod, chown, mkdir, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { isAppError } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import type { GitOptions } from "./git.ts";
import {
  hasCommit,
  listFilesAtCommit,
  openMirror,
  readFileAtCommit,
  refreshMirror,
  resolveBase,
} from "./mirror.ts";
import { aFixture, aGit, aRepository, commitFiles, createRepository, fixtureGit } from "./testing/fixture.ts";

const dir = useTempDir();
const isRoot = process.getuid?.() === 0;
const anyBranch = { branch: null, defaultBranch: null };

async function refresh(url: string, options: Partial<GitOptions> = {}) {
  return await refreshMirror(await aGit(dir(), options), {
    mirrorsDir: join(dir(), "mirrors"),
    repository: aRepository(url),
  });
}

async function expectCode(work: Promise<unknown>, code: string): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (isAppError(error)) {
      expect({ code: error.code, message: error.message }).toMatchObject({ code });
      return error;
    }
    throw error;
  }
  throw new Error(`${code} was expected`);
}

describe("a mirror", () => {
  it("follows its repository: new commits come, deleted branches go", async () => {
    const { upstream, mirror, repository, mirrorsDir, git } = await aFixture(dir());
    expect(await resolveBase(mirror, anyBranch)).toEqual({ branch: "main", commit: upstream.commit });
    await fixtureGit(upstream.path, "branch", "old");
    const next = await commitFiles(upstream.path, { "new.txt": "new" });
    await refreshMirror(git, { mirrorsDir, repository });
    expect(await resolveBase(mirror, anyBranch)).toMatchObject({ commit: next });
    expect(await resolveBase(mirror, { branch: "old", defaultBranch: null })).toMatchObject({
      commit: upstream.commit,
    });
    await fixtureGit(upstream.path, "branch", "-D", "old");
    await fixtureGit(upstream.path, "branch", "old/er");
    await refreshMirror(git, { mirrorsDir, repository });
    await expectCode(
      resolveBase(mirror, { branch: "old", defaultBranch: null }),
      "repository.branch_not_found",
    );
  });

  it("is one for all executions: many refreshes at once, all of them right", async () => {
    const upstream = await createRepository(join(dir(), "upstream"), { a: "1" });
    const mirrors = await Promise.all(Array.from({ length: 5 }, () => refresh(upstream.path)));
    for (const mirror of mirrors) {
      expect(await hasCommit(mirror, upstream.commit)).toBe(true);
    }
    expect((await readdir(join(dir(), "mirrors"))).filter((name) => name.endsWith(".git"))).toHaveLength(1);
  });

  it("is made anew when it broke", async () => {
    const { upstream, mirror, git, repository, mirrorsDir } = await aFixture(dir());
    for (const harm of [
      () => truncate(join(mirror.path, "HEAD"), 0),
      () => rm(join(mirror.path, "objects"), { recursive: true }),
      () => writeFile(join(mirror.path, "config"), "[broken"),
    ]) {
      await harm();
      await refreshMirror(git, { mirrorsDir, repository });
      expect(await hasCommit(mirror, upstream.commit)).toBe(true);
    }
  });

  it("keeps no address and no secret", async () => {
    const { mirror } = await aFixture(dir());
    const { text } = await mirror.git(["config", "--list"]);
    expect(text).not.toContain("upstream");
  });

  it("gives files of a commit, and none for links, folders and odd names", async () => {
    const upstream = await createRepository(join(dir(), "upstream"), {
      "a b.txt": "text",
      "dir/x": "x",
      "-n": "dash",
    });
    await symlink("/etc/passwd", join(upstream.path, "link"));
    const commit = await commitFiles(upstream.path, {});
    const mirror = await refresh(upstream.path);
    const read = async (path: string) => {
      const bytes = await readFileAtCommit(mirror, commit, path, 100);
      return bytes === null ? null : Buffer.from(bytes).toString();
    };
    expect(await read("a b.txt")).toBe("text");
    expect(await read("-n")).toBe("dash");
    expect(await read("link")).toBeNull();
    expect(await read("dir")).toBeNull();
    expect(await read("../a")).toBeNull();
    expect((await listFilesAtCommit(mirror, commit)).sort()).toEqual(["-n", "a b.txt", "dir/x", "link"]);
    expect(Buffer.from((await readFileAtCommit(mirror, commit, "a b.txt", 2)) ?? []).toString()).toBe("te");
  });
});

describe("the base of a task", () => {
  it("is the named branch, else the configured one, else the upstream's default", async () => {
    const { upstream, mirror, git, repository, mirrorsDir } = await aFixture(dir());
    await fixtureGit(upstream.path, "checkout", "--quiet", "-b", "develop");
    const develop = await commitFiles(upstream.path, { d: "d" });
    await refreshMirror(git, { mirrorsDir, repository });
    expect(await resolveBase(mirror, anyBranch)).toEqual({ branch: "develop", commit: develop });
    expect(await resolveBase(mirror, { branch: null, defaultBranch: "main" })).toMatchObject({
      branch: "main",
    });
    expect(await resolveBase(mirror, { branch: "develop", defaultBranch: "main" })).toMatchObject({
      branch: "develop",
    });
  });

  it("is the only branch when the upstream's HEAD points nowhere", async () => {
    const upstream = await createRepository(join(dir(), "upstream"), { a: "1" });
    await fixtureGit(upstream.path, "branch", "-M", "trunk");
    await fixtureGit(upstream.path, "symbolic-ref", "HEAD", "refs/heads/nowhere");
    expect(await resolveBase(await refresh(upstream.path), anyBranch)).toMatchObject({ branch: "trunk" });
  });

  it("must be named when nothing says which", async () => {
    const upstream = await createRepository(join(dir(), "upstream"), { a: "1" });
    await fixtureGit(upstream.path, "branch", "-M", "one");
    await fixtureGit(upstream.path, "branch", "two");
    await fixtureGit(upstream.path, "symbolic-ref", "HEAD", "refs/heads/nowhere");
    const error = await expectCode(
      resolveBase(await refresh(upstream.path), anyBranch),
      "repository.branch_not_found",
    );
    expect(error.message).toContain("one, two");
  });

  it("is refused by name when it is no branch, whatever it looks like, and nothing runs", async () => {
    const { mirror } = await aFixture(dir());
    for (const branch of [
      "--upload-pack=touch planted",
      "main~0",
      "main^{tree}",
      "*",
      "refs/heads/main",
      "$(touch x)",
      "",
    ]) {
      await expectCode(resolveBase(mirror, { branch, defaultBranch: null }), "repository.branch_not_found");
    }
  });

  it("is clearly missing in an empty repository", async () => {
    await mkdir(join(dir(), "empty"));
    await fixtureGit(join(dir(), "empty"), "init", "--quiet");
    await expectCode(resolveBase(await refresh(join(dir(), "empty")), anyBranch), "repository.empty");
  });
});

describe("a repository on this machine", () => {
  it("may be named by path, by file://, bare, through a link, and may be shallow", async () => {
    const upstream = await createRepository(join(dir(), "up stream"), { a: "1" });
    const second = await commitFiles(upstream.path, { a: "2" });
    await fixtureGit(dir(), "clone", "--quiet", "--bare", upstream.path, "bare.git");
    await fixtureGit(dir(), "clone", "--quiet", "--depth=1", `file://${upstream.path}`, "shallow");
    await symlink(upstream.path, join(dir(), "link"));
    for (const url of [
      upstream.path,
      `file://${upstream.path.replaceAll(" ", "%20")}`,
      join(dir(), "bare.git"),
      join(dir(), "link"),
      join(dir(), "shallow"),
    ]) {
      await rm(join(dir(), "mirrors"), { recursive: true, force: true });
      expect(await resolveBase(await refresh(url), anyBranch)).toMatchObject({ commit: second });
    }
  });

  it("is told to be missing when there is none, with the words of the case", async () => {
    await mkdir(join(dir(), "folder"));
    await writeFile(join(dir(), "file"), "");
    for (const name of ["nothing", "folder", "file", "file/below"]) {
      await expectCode(refresh(join(dir(), name)), "repository.missing");
    }
  });

  it.runIf(isRoot)("may belong to another user, also one that can't reach its path", async () => {
    const upstream = await createRepository(join(dir(), "upstream"), { a: "1" });
    for (const path of [upstream.path, join(upstream.path, ".git")]) {
      await chown(path, 65_534, 65_534);
    }
    // Below our closed directory the owner can't reach it: git is told to trust it.
    expect(await hasCommit(await refresh(upstream.path), upstream.commit)).toBe(true);
    expect(await readdir(join(dir(), "host"))).toEqual([]);
    // Reachable: git runs as the owner.
    await rm(join(dir(), "mirrors"), { recursive: true });
    await chmod(dir(), 0o755);
    expect(await hasCommit(await refresh(upstream.path), upstream.commit)).toBe(true);
  });

  it.runIf(!isRoot)("is told to be unreadable when we may not read it", async () => {
    const upstream = await createRepository(join(dir(), "upstream"), { a: "1" });
    await chmod(upstream.path, 0o000);
    await expectCode(refresh(upstream.path), "repository.auth_failed");
    await chmod(upstream.path, 0o700);
  });
});

describe("a repository elsewhere", () => {
  async function serving<T>(listener: RequestListener, fn: (url: string) => Promise<T>): Promise<T> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      return await fn(`http://127.0.0.1:${(server.address() as AddressInfo).port}/app.git`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  const answer =
    (status: number, headers = {}): RequestListener =>
    (_request, response) => {
      response.writeHead(status, headers).end();
    };
  const challenge = { "www-authenticate": 'Basic realm="git"' };

  it.each([
    [401, "repository.auth_failed", challenge],
    [403, "repository.auth_failed", {}],
    [404, "repository.missing", {}],
    [500, "repository.network_failed", {}],
  ])("that answers %i is %s", async (status, code, headers) => {
    await serving(answer(status, headers), (url) => expectCode(refresh(url), code));
  });

  it("gets the credentials by askpass, and no message shows them", async () => {
    const seen: (string | undefined)[] = [];
    const listener: RequestListener = (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, challenge).end();
    };
    const credential = { kind: "token", username: "bot", password: "planted-secret" } as const;
    const error = await serving(listener, (url) =>
      expectCode(refresh(url, { credential }), "repository.auth_failed"),
    );
    expect(seen).toContain(`Basic ${Buffer.from("bot:planted-secret").toString("base64")}`);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain("planted-secret");
  });

  it("that refuses the connection or can't be found is told apart", async () => {
    const url = await serving(answer(200), async (address) => address);
    await expectCode(refresh(url), "repository.network_failed");
    await expectCode(refresh("https://no-such-host.invalid/app.git"), "repository.unreachable");
  });

  it("that never answers is given up, and nobody waits longer than asked", async () => {
    const git = await aGit(dir());
    await serving(
      () => {},
      async (url) => {
        const options = { mirrorsDir: join(dir(), "mirrors"), repository: aRepository(url) };
        const controller = new AbortController();
        const refreshing = refreshMirror(git, { ...options, signal: controller.signal });
        refreshing.catch(() => {});
        controller.abort(new Error("cancelled"));
        await expect(refreshing).rejects.toThrow("cancelled");
        await expectCode(
          refreshMirror(git, { ...options, fetchTimeoutMs: 200 }),
          "repository.network_failed",
        );
      },
    );
  }, 90_000);

  it("is reached by ssh without questions, with the key that was given", async () => {
    await mkdir(join(dir(), "bin"));
    await writeFile(
      join(dir(), "bin/ssh"),
      `#!/bin/sh\necho "$@" > ${join(dir(), "ssh-arguments")}\necho "git@x: Permission denied (publickey)." >&2\nexit 255\n`,
      { mode: 0o755 },
    );
    const ssh = { identityFile: "/keys/it's", knownHostsFile: "/keys/hosts", authSock: "/agent" };
    const work = refresh("git@example.invalid:acme/app.git", {
      ssh,
      toolPath: `${join(dir(), "bin")}:/usr/bin:/bin`,
    });
    await expectCode(work, "repository.auth_failed");
  });

  it("is refused before anything runs when the address is not allowed", async () => {
    await expectCode(refresh("ext::sh -c 'touch x'"), "repository.url_invalid");
    await expectCode(refresh("/srv/x", { isLocalMode: false }), "repository.url_invalid");
  });
});

describe("disk trouble", () => {
  it("is told as such", async () => {
    await writeFile(join(dir(), "mirrors"), "a file where the directory should be");
    const upstream = await createRepository(join(dir(), "upstream"), { a: "1" });
    await expectCode(refresh(upstream.path), "home.unusable");
  });

  it("leaves a mirror that was never made alone", async () => {
    const mirror = openMirror(await aGit(dir()), join(dir(), "mirrors"), "key");
    await expectCode(mirror.git(["rev-parse"]), "git.failed");
  });
});
