import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { isAppError, newId } from "@agentvine/kit";
import { type GitServer, startGitServer, useTempDir } from "@agentvine/testkit";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Git, GitOptions } from "./git.ts";
import type { GitCredential } from "./git-secrets.ts";
import { mirrorsDir, removeTree } from "./layout.ts";
import { hasCommit, openMirror, refreshMirror } from "./mirror.ts";
import { publishBranch } from "./publish.ts";
import { aGit, aRepository, createRepository, fixtureGit } from "./testing/fixture.ts";

const dir = useTempDir();
const publicAddress = "93.184.216.34";
const password = `planted-${newId()}`;
const credential: GitCredential = { kind: "token", username: "bot", password };
let server: GitServer;
let commit: string;
let url: string;

beforeEach(async () => {
  const root = join(dir(), "served");
  ({ commit } = await createRepository(join(root, "app"), { "a.txt": "a\n" }));
  server = await startGitServer({ root, user: { name: "bot", password } });
  url = `${server.url}/app/.git`;
});
afterEach(() => server.close());

const options = (address = url) => ({
  mirrorsDir: mirrorsDir(join(dir(), "data")),
  repository: aRepository(address, address),
});
const refresh = async (git: Git, address = url) => await refreshMirror(git, options(address));

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
  return "nothing was refused";
}

/** Looks at every command line of the machine, again and again, until the work is done. */
async function commandLinesDuring(work: Promise<unknown>): Promise<string> {
  const seen = new Set<string>();
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  over.catch(() => {});
  while (!isOver) {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    for (const text of await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    ))
      seen.add(text.replaceAll("\0", " "));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await over;
  return [...seen].join("\n");
}

/** Files below the directory that hold the text. */
const filesWith = (text: string): string => {
  try {
    return execFileSync("grep", ["-rlF", text, dir()], { encoding: "utf8" });
  } catch {
    return "";
  }
};

describe("a private repository", () => {
  it("is cloned and pushed to with its credential, which stands in no command line and in no file", async () => {
    const git = await aGit(dir(), { credential });
    const seen = await commandLinesDuring(refresh(git));
    const mirror = openMirror(git, options().mirrorsDir, url);
    expect(await hasCommit(mirror, commit)).toBe(true);
    const branch = `agentvine/${newId()}/a1`;
    const push = publishBranch(git, {
      ...{ ...options(), branch, baseCommit: commit, commit, ref: "refs/agentvine/x" },
      loadBundle: () => Promise.reject(new Error("the mirror has it")),
    });
    const seenToo = await commandLinesDuring(push);
    expect(await fixtureGit(join(dir(), "served/app"), "rev-parse", branch)).toBe(commit);
    for (const lines of [seen, seenToo]) {
      // That the look catches git at work at all.
      expect(lines).toMatch(/git.*(fetch|push|ls-remote|remote-http)/);
      expect(lines).not.toContain(password);
      expect(lines).not.toContain(Buffer.from(`bot:${password}`).toString("base64"));
    }
    expect(filesWith(password)).toBe("");
  });

  it("without a credential, or with a wrong one, is refused by a code of its own, with nothing secret in the words", async () => {
    expect(await codeOf(refresh(await aGit(dir())))).toBe("repository.auth_failed");
    server.setPassword("another");
    const refused = refresh(await aGit(dir(), { credential }));
    expect(await codeOf(refused)).toBe("repository.auth_failed");
    const words = await refused.catch((error) => JSON.stringify({ ...error, message: error.message }));
    expect(words).not.toContain(password);
    expect(await codeOf(refresh(await aGit(dir()), `${server.url}/nowhere/.git`))).toBe(
      "repository.auth_failed",
    );
  });
});

async function listening(listener: RequestListener) {
  const requests: string[] = [];
  const web = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.authorization ?? ""}`);
    listener(request, response);
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    web.closeAllConnections();
    web.close();
  });
  return { port: (web.address() as AddressInfo).port, requests };
}

describe("a redirect", () => {
  it.each([301, 302, 307, 308])(
    "%i to another host is not followed, and no credential goes there",
    async (status) => {
      const other = await listening((_request, response) => response.writeHead(401).end());
      const first = await listening((request, response) => {
        response.writeHead(status, { location: `http://127.0.0.1:${other.port}${request.url}` }).end();
      });
      const refused = refresh(await aGit(dir(), { credential }), `http://127.0.0.1:${first.port}/app.git`);
      expect(await codeOf(refused)).toBe("repository.url_invalid");
      await expect(refused).rejects.toThrow(/redirect/);
      expect(first.requests.length).toBeGreaterThan(0);
      expect(other.requests).toEqual([]);
    },
  );
});

describe("the address of a host", () => {
  /** A worker that may not reach private networks; names lead where the list says, one answer after the other. */
  const guarded = (answers: string[], more: Partial<GitOptions> = {}) => {
    const asked: string[] = [];
    const lookUpHost = async (hostname: string) => {
      asked.push(hostname);
      return [{ address: (answers.length > 1 ? answers.shift() : answers[0]) ?? "" }];
    };
    return { asked, git: aGit(dir(), { allowsPrivateHosts: false, lookUpHost, credential, ...more }) };
  };

  it("that is private is refused before anything connects, by https, http and ssh", async () => {
    const { git } = guarded(["10.0.0.1"]);
    for (const address of [
      `http://rebind.example.org:${new URL(url).port}/app/.git`,
      "https://rebind.example.org/a",
      "ssh://git@rebind.example.org/a",
      "git@rebind.example.org:a",
      url,
      "https://localhost/a",
      "https://0x7f.1/a",
      "ssh://git@[::1]/a",
    ])
      expect([address, await codeOf((await git).resolveRemote(address))]).toEqual([
        address,
        "repository.url_invalid",
      ]);
    expect(server.requests).toEqual([]);
  });

  it("that is public when it is checked and private a moment later is never connected to", async () => {
    const inside = await listening((_request, response) => response.writeHead(200).end());
    const { git, asked } = guarded([publicAddress, "127.0.0.1"]);
    const address = `http://rebind.example.org:${inside.port}/app.git`;
    const remote = await (await git).resolveRemote(address);
    expect(remote.pin).toEqual({
      hostname: "rebind.example.org",
      port: inside.port,
      addresses: [publicAddress],
    });
    const attempt = await (await git).tryRemote(remote, {
      ...{ service: "upload-pack", args: ["ls-remote", "--", remote.url], timeoutMs: 3_000 },
    });
    expect(attempt.isDone).toBe(false);
    expect(asked).toEqual(["rebind.example.org"]);
    expect(await codeOf((await git).resolveRemote(address))).toBe("repository.url_invalid");
    expect(inside.requests).toEqual([]);
  });

  it("that nobody can tell for now is worth another try, one that nobody knows is not", async () => {
    const failing = (code: string) => ({
      lookUpHost: () => Promise.reject(Object.assign(new Error(code), { code })),
    });
    const address = "https://rebind.example.org/a";
    expect(await codeOf(refresh(await guarded([], failing("EAI_AGAIN")).git, address))).toBe(
      "repository.network_failed",
    );
    expect(await codeOf(refresh(await guarded([], failing("ENOTFOUND")).git, address))).toBe(
      "repository.unreachable",
    );
  });

  it("that was found is where git connects, whatever the name says elsewhere", async () => {
    const git = await aGit(dir(), { credential });
    const port = Number(new URL(url).port);
    const pin = { hostname: "no-such-name.example.org", port, addresses: ["127.0.0.1"] };
    const remote = {
      transport: "http",
      access: null,
      pin,
      url: `http://${pin.hostname}:${port}/app/.git`,
    } as const;
    const { text } = await git.runRemote(remote, {
      ...{ service: "upload-pack", args: ["ls-remote", "--", remote.url] },
    });
    expect(text).toContain(commit);
  });

  it("can't be held to with a git that is too old: then nothing is reached", async () => {
    await mkdir(join(dir(), "bin"));
    await writeFile(join(dir(), "bin/git"), "#!/bin/sh\necho 'git version 2.36.6'\n", { mode: 0o755 });
    const { git } = guarded([publicAddress], { toolPath: `${join(dir(), "bin")}:/usr/bin:/bin` });
    const refused = refresh(await git, "https://rebind.example.org/a");
    expect(await codeOf(refused)).toBe("git.failed");
    await expect(refused).rejects.toThrow(/2\.37 or newer/);
  });
});

describe("a repository by ssh", () => {
  it("is opened with the key that was handed out, at the pinned address, and the key is gone afterwards", async () => {
    await mkdir(join(dir(), "bin"));
    const seen = join(dir(), "seen");
    const look = `#!/bin/sh
printf '%s\\n' "$@" > ${seen}
while [ $# -gt 0 ]; do [ "$1" = -i ] && key=$2; shift; done
{ stat -c '%a' "$key" "$(dirname "$key")"; cat "$key"; env; } >> ${seen}
echo "git@x: Permission denied (publickey)." >&2
exit 255
`;
    await writeFile(join(dir(), "bin/ssh"), look, { mode: 0o755 });
    const privateKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${password}\n-----END OPENSSH PRIVATE KEY-----`;
    const git = await aGit(dir(), {
      ...{ allowsPrivateHosts: false, lookUpHost: async () => [{ address: publicAddress }] },
      credential: { kind: "ssh_key", privateKey, knownHosts: "[git.example.org]:2222 ssh-ed25519 AAAA" },
      toolPath: `${join(dir(), "bin")}:/usr/bin:/bin`,
    });
    const remote = await git.resolveRemote("ssh://git@git.example.org:2222/acme/app");
    const command = { service: "upload-pack", args: ["ls-remote", "--", remote.url] } as const;
    expect(await codeOf(git.runRemote(remote, command))).toBe("repository.auth_failed");
    const text = await readFile(seen, "utf8");
    expect(text).toContain(`-oHostName=${publicAddress}\n`);
    expect(text).toContain("-oHostKeyAlias=[git.example.org]:2222\n");
    expect(text).toContain("-oStrictHostKeyChecking=yes\n");
    expect(text).toContain("-oIdentitiesOnly=yes\n");
    expect(text).toMatch(/-oUserKnownHostsFile=\S+known_hosts\n/);
    expect(text).toContain("\n600\n700\n");
    expect(text).toContain(password);
    expect(text).not.toContain("AGENTVINE_GIT_PASSWORD");
    await removeTree(seen);
    expect(filesWith(password)).toBe("");
  });
});
