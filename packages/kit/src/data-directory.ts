import { existsSync } from "node:fs";
import { access, constants, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "./app-error.ts";

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);

/** As `mkdir -p`. Node's own recursive mkdir never returns below /proc and the like, where a missing parent can't be made. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || existsSync(dirname(path))) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
}

/**
 * Makes the data directory, for its owner alone, and looks whether it can be used.
 * @throws AppError `home.unusable`, `storage.full`
 */
export async function prepareDataDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(path);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (codeOf(error) === "ENOSPC") {
      throw new AppError("storage.full", `The disk that holds ${path} is full.`, { cause: error });
    }
    throw new AppError(
      "home.unusable",
      `The data directory ${path} can't be used (${codeOf(error)}). Set AGENTVINE_HOME to a directory you may write to.`,
      { cause: error },
    );
  }
}
