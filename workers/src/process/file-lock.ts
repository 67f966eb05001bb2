import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { AppError, sleep } from "@agentvine/kit";
import { identifyProcess, isProcessAlive } from "./process-table.ts";

export interface FileLockOptions {
  /** Gives up with AppError `repository.busy` after this. */
  readonly waitMsMax: number;
  readonly signal?: AbortSignal;
  /** An owner on another host that shows no sign of life for this long is taken for dead; 30,000 by default. */
  readonly silenceMsMax?: number;
}

/**
 * Runs `fn` while no other process (and no other call in this one) holds the lock of the directory.
 *
 * The directory holds numbered files; whoever made the one with the highest number owns the lock until it says `released`, its
 * process is dead, or (on another host) it has been silent for too long. The next owner makes the next number, which only one can:
 * a lock is never removed to be taken over, so nobody can remove the lock of a live owner by mistake. Lower numbers are litter.
 */
export async function withFileLock<T>(
  directory: string,
  options: FileLockOptions,
  fn: () => Promise<T>,
): Promise<T> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = await acquire(directory, options);
  const signOfLife = setInterval(() => {
    const now = new Date();
    // The lock may be gone with its whole directory; then there is nothing left to guard.
    utimes(file, now, now).catch(() => {});
  }, 5_000);
  signOfLife.unref();
  try {
    return await fn();
  } finally {
    clearInterval(signOfLife);
    await writeFile(file, "released").catch(() => {});
  }
}

async function acquire(directory: string, options: FileLockOptions): Promise<string> {
  const endMs = performance.now() + options.waitMsMax;
  for (;;) {
    options.signal?.throwIfAborted();
    const numbers = await listNumbers(directory);
    const highest = numbers[0] ?? 0;
    if (highest === 0 || (await isFree(join(directory, String(highest)), options.silenceMsMax ?? 30_000))) {
      const file = await tryNumber(directory, highest + 1);
      if (file !== null) {
        await Promise.all(numbers.map((number) => rm(join(directory, String(number)), { force: true })));
        return file;
      }
      continue;
    }
    if (performance.now() >= endMs) {
      throw new AppError("repository.busy", "Another execution holds the mirror of this repository.", {
        detail: directory,
      });
    }
    await sleep(40, options.signal);
  }
}

/** Highest first. */
async function listNumbers(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((left, right) => right - left);
}

/** Makes the numbered file with its content in one step; null when somebody else has it or a higher one. */
async function tryNumber(directory: string, number: number): Promise<string | null> {
  const draft = join(directory, `draft-${randomUUID()}`);
  const file = join(directory, String(number));
  await writeFile(draft, JSON.stringify({ host: hostname(), owner: identifyProcess(process.pid) }));
  try {
    await link(draft, file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      return null;
    }
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  // We may have looked long ago: the number was free again because later owners have already tidied up.
  const [highest] = await listNumbers(directory);
  if (highest !== number) {
    await rm(file, { force: true });
    return null;
  }
  return file;
}

async function isFree(file: string, silenceMsMax: number): Promise<boolean> {
  let text: string;
  let changedMs: number;
  try {
    text = await readFile(file, "utf8");
    changedMs = (await stat(file)).mtimeMs;
  } catch {
    // Tidied up by a later owner: look again.
    return false;
  }
  if (text === "released") {
    return true;
  }
  const owner = parseOwner(text);
  if (owner?.host === hostname() && owner.process !== null) {
    return !isProcessAlive(owner.process);
  }
  return Date.now() - changedMs > silenceMsMax;
}

function parseOwner(text: string): { host: string; process: string | null } | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "host" in value && "owner" in value) {
      return { host: String(value.host), process: typeof value.owner === "string" ? value.owner : null };
    }
  } catch {
    // Half written: judged by its age alone.
  }
  return null;
}
