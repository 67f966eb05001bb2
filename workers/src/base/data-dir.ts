import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, coerceError, isAppError } from "@agentvine/kit";
import { withFileLock } from "../process/file-lock.ts";
import { storageFault } from "../process/storage-fault.ts";

/** What `worker status` and `worker stop` read. */
export interface WorkerStatusFile {
  readonly pid: number;
  readonly name: string;
  readonly workerId: string | null;
  readonly serverUrl: string;
  readonly state: "starting" | "ready";
  readonly startedAt: string;
}

/** A data directory that is ours alone while `use` runs. */
export interface OwnedDataDir {
  readonly path: string;
  /** Replaces the status file in one step. */
  writeStatus(status: WorkerStatusFile): Promise<void>;
}

/**
 * Makes the data directory and holds it for one process: two workers on the same mirrors, workspaces and kept results would work
 * against each other.
 * @throws AppError `home.unusable` when it can't be made or written, `home.in_use` when another process holds it.
 */
export const withDataDir = async <T>(path: string, use: (dir: OwnedDataDir) => Promise<T>): Promise<T> => {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(join(path, "probe"), "");
    await rm(join(path, "probe"));
  } catch (error) {
    throw new AppError("home.unusable", `The worker can't write to ${path}: ${coerceError(error).message}`, {
      cause: error,
    });
  }
  const statusPath = join(path, "worker.json");
  const owned: OwnedDataDir = {
    path,
    async writeStatus(status) {
      await writeFile(`${statusPath}.new`, JSON.stringify(status), { mode: 0o600 });
      await rename(`${statusPath}.new`, statusPath);
    },
  };
  let isOurs = false;
  try {
    return await withFileLock(join(path, "owner"), { waitMsMax: 0 }, async () => {
      isOurs = true;
      try {
        return await use(owned);
      } finally {
        await rm(statusPath, { force: true });
      }
    });
  } catch (error) {
    if (isOurs) throw error;
    const storage = storageFault(error);
    if (storage !== null) {
      throw new AppError(
        storage.code,
        `The worker can't write to ${path}: ${storage.message} Make room there.`,
        {
          cause: error,
        },
      );
    }
    if (!isAppError(error, "repository.busy")) throw error;
    throw new AppError(
      "home.in_use",
      `Another worker uses ${path}. Stop it, or name another data directory.`,
      {
        cause: error,
      },
    );
  }
};
