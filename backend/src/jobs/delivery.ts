import type { JobsOptions } from "bullmq";

/** Work that is done once per id, soon, and tried again when it fails. The truth about it is a row; the job only gives it its time. */
export interface Delivery {
  /** Name of its queue. */
  readonly name: string;
  readonly triesMax: number;
  /** How many at a time. */
  readonly concurrency: number;
  /** First wait after a failure; each further one doubles. Ten seconds unless given. */
  readonly backoffMs?: number | undefined;
  /** Must be safe to run twice. @throws when it is worth another try */
  readonly deliver: (id: string) => Promise<void>;
}

const backoffMsDefault = 10_000;

/** How BullMQ treats the job of an id: there is one at most, and nothing of it is kept once it is over. */
export const jobOptionsOf = (
  { triesMax, backoffMs = backoffMsDefault }: Delivery,
  id: string,
  delayMs: number,
): JobsOptions => ({
  jobId: id,
  delay: delayMs,
  attempts: triesMax,
  backoff: { type: "exponential", delay: backoffMs },
  removeOnComplete: true,
  removeOnFail: true,
});
