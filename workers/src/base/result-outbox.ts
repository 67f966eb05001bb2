import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, coerceError, type Logger, retry, type sleep } from "@agentvine/kit";
import { z } from "zod";
import { type AttemptResult, attemptResultSchema } from "../execution/executor-channel.ts";
import { attemptFaultOf, retryAfterMsOf } from "./api-fault.ts";
import type { ResultApi } from "./worker-api.ts";

const entrySchema = z.object({
  workOrderId: z.string(),
  attempt: z.number().int(),
  executionId: z.string(),
  /** Dead with its lease; the file is for the owner's eyes only all the same. */
  attemptToken: z.string(),
  keptAt: z.string(),
  result: attemptResultSchema,
});

/** A result that waits to be taken by the backend. */
export type OutboxEntry = z.infer<typeof entrySchema>;

/** `taken`: the backend has it. `dropped`: the attempt was over. `kept`: could not be delivered, stays on disk for the next start. */
export type Delivery = "taken" | "dropped" | "kept";

export interface ResultOutboxOptions {
  /** Made when missing. */
  readonly dir: string;
  readonly api: ResultApi;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
}

const backoff = { baseMs: 1_000, maxMs: 60_000, elapsedMsMax: 600_000 };

/**
 * Results on their way to the backend. A result is on disk before the first try, is tried for ten minutes, and is sent again by the
 * next process that starts on the same data directory. Sending twice is harmless: the backend answers a repeat with what it said
 * the first time, and refuses what a later attempt has overtaken.
 */
export class ResultOutbox {
  readonly #options: ResultOutboxOptions;

  constructor(options: ResultOutboxOptions) {
    this.#options = options;
  }

  /** Keeps the result on disk if that takes it. On a full disk it is only in memory, and what can't be kept can still be sent. */
  async keepIfPossible(entry: Omit<OutboxEntry, "keptAt">): Promise<OutboxEntry> {
    try {
      return await this.keep(entry);
    } catch (error) {
      const { workOrderId, attempt } = entry;
      this.#options.logger.error(
        { err: coerceError(error), workOrderId, attempt },
        "the result could not be written to disk",
      );
      return { ...entry, keptAt: "" };
    }
  }

  /** Writes the result to disk; when it resolves, no crash can lose it. @throws when the disk takes no more. */
  async keep(entry: Omit<OutboxEntry, "keptAt">): Promise<OutboxEntry> {
    const { dir, clock } = this.#options;
    const kept = { ...entry, keptAt: clock.now().toISOString() };
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(entry);
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify(kept));
      await file.sync();
    } catch (error) {
      await rm(`${path}.new`, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    return kept;
  }

  /** Sends a result until it is taken, refused for good, ten minutes are over, or the signal aborts. Never throws. */
  async deliver(entry: OutboxEntry, signal: AbortSignal): Promise<Delivery> {
    const log = this.#options.logger.child({
      workOrderId: entry.workOrderId,
      attempt: entry.attempt,
      executionId: entry.executionId,
    });
    try {
      const { status, taskStatus } = await this.#sendRetried(entry, signal, log);
      await this.#forget(entry);
      log.info({ kind: entry.result.kind, status, taskStatus }, "the backend took the result");
      return "taken";
    } catch (error) {
      return await this.#giveUp(entry, error, signal, log);
    }
  }

  /** The results an earlier process could not deliver. Files that can't be read are left alone and told. */
  async pending(): Promise<OutboxEntry[]> {
    const { dir, logger } = this.#options;
    const names = await readdir(dir).catch(() => []); // not made yet: nothing pending
    const entries: OutboxEntry[] = [];
    for (const name of names.filter((name) => name.endsWith(".json"))) {
      try {
        entries.push(entrySchema.parse(JSON.parse(await readFile(join(dir, name), "utf8"))));
      } catch (error) {
        logger.error({ err: coerceError(error), name }, "a kept result can't be read");
      }
    }
    return entries;
  }

  #pathOf({ workOrderId, attempt }: Pick<OutboxEntry, "workOrderId" | "attempt">): string {
    return join(this.#options.dir, `${workOrderId}-${attempt}.json`);
  }

  async #forget(entry: OutboxEntry): Promise<void> {
    await rm(this.#pathOf(entry), { force: true });
  }

  async #sendRetried(entry: OutboxEntry, signal: AbortSignal, log: Logger) {
    const { api, clock, sleep } = this.#options;
    return await retry(() => send(api, entry, signal), {
      ...backoff,
      isRetryable: (error) => attemptFaultOf(error) === "transient",
      retryAfterMs: retryAfterMsOf,
      signal,
      clock,
      sleep,
      onRetry: (error, attempt, delayMs) =>
        log.warn({ err: coerceError(error), attempt, delayMs }, "handing in the result failed, trying again"),
    });
  }

  async #giveUp(entry: OutboxEntry, error: unknown, signal: AbortSignal, log: Logger): Promise<Delivery> {
    const err = coerceError(error);
    const fault = signal.aborted ? "transient" : attemptFaultOf(error);
    if (fault === "transient") {
      log.warn({ err }, "the result could not be handed in; it is kept on disk for the next start");
      return "kept";
    }
    if (fault === "rejected" && entry.result.kind !== "fail") {
      log.error({ err }, "the backend refuses the result as it is; the attempt is handed in as failed");
      return await this.deliver(await this.keepIfPossible(asFailure(entry, err)), signal);
    }
    log.warn({ err, fault }, "the attempt is over for the backend: its result is dropped");
    await this.#forget(entry);
    return "dropped";
  }
}

const send = async (api: ResultApi, entry: OutboxEntry, signal: AbortSignal) => {
  const { workOrderId, attempt, attemptToken, result } = entry;
  switch (result.kind) {
    case "complete":
      return await api.complete(attemptToken, { workOrderId, attempt, result: result.result }, signal);
    case "fail":
      return await api.fail(attemptToken, { workOrderId, attempt, result: result.result }, signal);
    case "release":
      return await api.release(attemptToken, { workOrderId, attempt, reason: result.reason }, signal);
    case "park": {
      const { kind: _, ...park } = result;
      return await api.park(attemptToken, { workOrderId, attempt, ...park }, signal);
    }
  }
};

const asFailure = (entry: OutboxEntry, error: Error): OutboxEntry => {
  const result: AttemptResult = {
    kind: "fail",
    result: {
      outcome: "failed",
      failure: "infrastructure",
      reason: `The backend refused the result of this attempt: ${error.message}`.slice(0, 20_000),
      isRetryable: false,
      summary: "",
      evidence: null,
      metrics: null,
      exitCode: null,
    },
  };
  return { ...entry, result };
};
