import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

const environment = {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
};

/** Runs git with bytes on its standard input; returns what it wrote. @throws Error with git's own words */
function run(cwd: string, args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd, env: environment, stdio: ["pipe", "pipe", "pipe"] });
    const [out, said]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => said.push(chunk));
    child.stdin.on("error", () => {});
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`git ${args[0]} ended with ${code}: ${Buffer.concat(said).toString().trim()}`));
    });
    child.stdin.end(input);
  });
}

export interface Made {
  readonly commit: string;
  /** As workers upload it: the commit under the name HEAD, on top of its base. */
  readonly bundle: Buffer;
}

/** A bare clone of a repository, in which results are made and from which they are pushed. */
export class Clone {
  readonly #path: string;
  readonly #remote: string;

  private constructor(path: string, remote: string) {
    this.#path = path;
    this.#remote = remote;
  }

  static async open(dataDir: string, remote: string): Promise<Clone> {
    const name = createHash("sha256").update(remote).digest("hex").slice(0, 12);
    const path = join(dataDir, `${name}.git`);
    if (!existsSync(path)) {
      // Under its name only when it is whole: the process may be killed at any moment.
      const draft = `${path}.${process.pid}`;
      await execFileAsync("git", ["clone", "--quiet", "--bare", remote, draft], { env: environment });
      await execFileAsync("mv", ["-T", draft, path]).catch(async (error: unknown) => {
        if (!existsSync(path)) throw error;
      });
    }
    return new Clone(path, remote);
  }

  /** The commit that a branch of the remote is at. */
  async resolve(branch: string): Promise<string> {
    const text = (await run("/", ["ls-remote", "--", this.#remote, `refs/heads/${branch}`])).toString();
    const [commit] = text.split("\t");
    if (!commit) throw new Error(`the remote has no branch ${branch}`);
    await this.#ensure(commit);
    return commit;
  }

  /** A commit that adds one file to the base. */
  async make(base: string, ref: string, file: string, content: string): Promise<Made> {
    const bytes = Buffer.byteLength(content);
    const stream = [
      `commit refs/chaos/${ref}`,
      "mark :1",
      "committer Chaos <chaos@example.com> 1767323045 +0000",
      `data ${Buffer.byteLength(ref)}\n${ref}`,
      `from ${base}`,
      `M 100644 inline ${file}`,
      `data ${bytes}\n${content}`,
      "get-mark :1",
      "done",
      "",
    ].join("\n");
    const args = ["fast-import", "--quiet", "--force", "--done"];
    const commit = (await run(this.#path, args, Buffer.from(stream))).toString().trim();
    const pack = await run(
      this.#path,
      ["pack-objects", "--quiet", "--stdout", "--revs", "--thin"],
      Buffer.from(`${commit}\n^${base}\n`),
    );
    const header = Buffer.from(`# v2 git bundle\n-${base} \n${commit} HEAD\n\n`);
    return { commit, bundle: Buffer.concat([header, pack]) };
  }

  async has(commit: string): Promise<boolean> {
    return await run(this.#path, ["cat-file", "-e", `${commit}^{commit}`]).then(
      () => true,
      () => false,
    );
  }

  /** Takes the pack of a bundle in. */
  async take(bundle: Buffer, base: string): Promise<void> {
    await this.#ensure(base);
    const pack = bundle.subarray(bundle.indexOf("\n\n") + 2);
    await run(this.#path, ["index-pack", "--stdin", "--fix-thin"], pack);
  }

  /** Pushes the commit as a new branch; one that is there already with this commit is fine. */
  async push(commit: string, branch: string): Promise<void> {
    const lease = `--force-with-lease=refs/heads/${branch}:`;
    const spec = `${commit}:refs/heads/${branch}`;
    try {
      await run(this.#path, ["push", "--quiet", lease, "--", this.#remote, spec]);
    } catch (error) {
      const there = await this.resolve(branch).catch(() => undefined);
      if (there !== commit) throw error;
    }
  }

  /** Commits may come from a branch that was pushed after we cloned. */
  async #ensure(commit: string): Promise<void> {
    if (await this.has(commit)) return;
    const all = "+refs/heads/*:refs/remotes/origin/*";
    const args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", this.#remote];
    await run(this.#path, [...args, all]).catch(async (error: unknown) => {
      // Another slot of this process fetches the same names at the same time.
      if (!(await this.has(commit))) throw error;
    });
  }
}
