import { accessSync, constants, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { AppError } from "./app-error.ts";

export interface ResolveHomeOptions {
  /** The home directory that the account database knows; replaced in tests. */
  accountHome?: () => string;
}

const directoryName = ".agentvine";

/**
 * The directory that holds everything AgentVine keeps on this machine: AGENTVINE_HOME, else `.agentvine` in a HOME
 * that can be used, else `.agentvine` in the account's home (HOME may be unset, empty, wrong or read-only).
 * Nothing is created.
 * @throws AppError `home.unusable` when no place is usable.
 */
export function resolveHome(
  env: Record<string, string | undefined>,
  options: ResolveHomeOptions = {},
): string {
  const explicit = env.AGENTVINE_HOME;
  if (explicit) {
    return resolve(explicit);
  }
  const candidates = [env.HOME, readAccountHome(options.accountHome ?? (() => userInfo().homedir))];
  for (const home of candidates) {
    if (home && isAbsolute(home) && canHoldFiles(join(home, directoryName))) {
      return join(home, directoryName);
    }
  }
  throw new AppError(
    "home.unusable",
    "No writable home directory was found. Set AGENTVINE_HOME to a directory that AgentVine may write to.",
    {
      detail: `tried ${candidates.filter(Boolean).join(", ") || "nothing: HOME is unset and the account has no home"}`,
    },
  );
}

function readAccountHome(accountHome: () => string): string | undefined {
  try {
    return accountHome();
  } catch {
    // A user id without an account, as containers often have.
    return undefined;
  }
}

/** True when the directory is writable, or does not exist but could be made. */
function canHoldFiles(path: string): boolean {
  try {
    if (!statSync(path).isDirectory()) {
      return false;
    }
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isMissing && dirname(path) !== path && canHoldFiles(dirname(path));
  }
}
