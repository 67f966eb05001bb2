import { readFile } from "node:fs/promises";
import { AppError, coerceError } from "./app-error.ts";
import { sleep as realSleep } from "./async.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";

export interface ReadTokenOptions {
  readonly token: string | undefined;
  readonly tokenFile: string;
  /** How long to wait for the file. */
  readonly waitMs: number;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly sleep?: typeof realSleep;
  readonly signal: AbortSignal;
}

const lookMs = 50;

/**
 * A machine's key: given, or from its file. A backend that starts at the same time writes the file a moment later, so it is
 * waited for.
 * @throws AppError `auth.required` when it does not come; the signal's reason when aborted.
 */
export const readToken = async (options: ReadTokenOptions): Promise<string> => {
  const { token, tokenFile, waitMs, logger, clock = systemClock, sleep = realSleep, signal } = options;
  if (token !== undefined) return token;
  const startedMs = clock.monotonicMs();
  for (let looks = 0; ; looks += 1) {
    const found = await readTokenFile(tokenFile);
    if (found !== undefined) return found;
    if (clock.monotonicMs() - startedMs >= waitMs) {
      throw new AppError(
        "auth.required",
        `No key in ${tokenFile} after ${waitMs / 1_000} s. Start the backend, or set AGENTVINE_TOKEN.`,
      );
    }
    if (looks === 20) logger.info({ tokenFile }, "waiting for the key");
    await sleep(lookMs, signal);
  }
};

const readTokenFile = async (path: string): Promise<string | undefined> => {
  try {
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new AppError("auth.required", `The key in ${path} can't be read: ${coerceError(error).message}`, {
      cause: error,
    });
  }
};
