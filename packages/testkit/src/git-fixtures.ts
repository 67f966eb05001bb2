import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** The same commit gets the same id on every machine: no configuration of the user, fixed identity and date. */
const gitEnv = {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ada Fixture",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_AUTHOR_DATE: "2026-01-02T03:04:05Z",
  GIT_COMMITTER_NAME: "Ada Fixture",
  GIT_COMMITTER_EMAIL: "ada@example.com",
  GIT_COMMITTER_DATE: "2026-01-02T03:04:05Z",
};

/**
 * Runs git in `cwd` under the fixtures' isolated configuration and returns its trimmed output.
 * @throws Error with git's own words when it fails.
 */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await execFileAsync("git", args, { cwd, env: gitEnv, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

export interface FixtureRepository {
  path: string;
  /** The id of the commit made. */
  commit: string;
}

/** Makes a git repository in `dir` (created when missing) with one commit of `files` on the branch `main`. */
export async function createRepository(
  dir: string,
  files: Record<string, string>,
): Promise<FixtureRepository> {
  await mkdir(dir, { recursive: true });
  await git(dir, "init", "--quiet", "--initial-branch=main");
  return { path: dir, commit: await commitFiles(dir, files, "chore: first commit") };
}

/**
 * Writes `files` (path → content; null deletes the file), commits everything and returns the commit id. A content that
 * starts with `#!` makes an executable file.
 */
export async function commitFiles(
  dir: string,
  files: Record<string, string | null>,
  message = "chore: change files",
): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, name);
    if (content === null) {
      await rm(path, { recursive: true });
      continue;
    }
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: content.startsWith("#!") ? 0o755 : 0o644 });
  }
  await git(dir, "add", "--all");
  await git(dir, "commit", "--quiet", "--allow-empty", "--message", message);
  return await git(dir, "rev-parse", "HEAD");
}
