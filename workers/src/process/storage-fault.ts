import { AppError } from "@agentvine/kit";

/**
 * The AppError for a disk that is full (`storage.full`) or a directory that may not be written (`home.unusable`), recognised in what a
 * tool printed (English) or in a system error; null for anything else.
 */
export function storageFault(problem: unknown): AppError | null {
  const text = problem instanceof Error ? `${codeOf(problem)} ${problem.message}` : String(problem);
  const cause = problem instanceof Error ? { cause: problem } : { detail: text.slice(-2_000) };
  if (/ENOSPC|EDQUOT|No space left on device|Out of diskspace|Disk quota exceeded/i.test(text)) {
    return new AppError("storage.full", "The disk is full.", cause);
  }
  if (/EROFS|Read-only file system/i.test(text)) {
    return new AppError("home.unusable", "The data directory is on a read-only file system.", cause);
  }
  return null;
}

/** Runs a file operation of our own directories and gives its failure a code. */
export async function withStorageFaults<T>(what: string, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    const fault = storageFault(error);
    if (fault !== null) {
      throw fault;
    }
    const code = codeOf(error);
    if (code === "EACCES" || code === "EPERM" || code === "ENOTDIR" || code === "EEXIST") {
      throw new AppError("home.unusable", `${what} can't be written: ${code}.`, { cause: error });
    }
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
