import { AppError, coerceError } from "@agentvine/kit";

/**
 * Turns a failure of the file system into one clear line about the directory: full (`storage.full`) or not usable
 * (`home.unusable`). An AppError is returned unchanged.
 */
export function directoryError(error: unknown, path: string): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const cause = coerceError(error);
  const code = "code" in cause ? String(cause.code) : "";
  const options = { detail: cause.message, cause };
  if (code === "ENOSPC" || code === "EDQUOT") {
    return diskFullError(path, options);
  }
  const reasons: Record<string, string> = {
    EACCES: "permission denied",
    EPERM: "not permitted",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is not a directory",
    EEXIST: "something else is in its place",
    ENOTEMPTY: "it holds something else",
  };
  return new AppError(
    "home.unusable",
    `The directory ${path} can't be used: ${reasons[code] ?? cause.message}.`,
    options,
  );
}

export function diskFullError(path: string, options: { detail?: string; cause?: unknown } = {}): AppError {
  return new AppError("storage.full", `The disk that holds ${path} is full.`, options);
}
