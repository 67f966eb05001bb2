import type { Chore } from "./chore.ts";

/** The part of a queue that keeps schedules. */
export interface Schedules {
  getJobSchedulers(
    start: number,
    end: number,
  ): Promise<{ key: string; every?: number | undefined; next?: number | undefined }[]>;
  upsertJobScheduler(name: string, repeat: { every: number }, template: { name: string }): Promise<unknown>;
  removeJobScheduler(name: string): Promise<unknown>;
}

/** A schedule whose next time is this long ago lost the job that would have carried it on. */
const overdueMs = 60_000;

/**
 * Makes the schedules of the chores that are missing, have another interval, or have come to a stop, and leaves the others alone:
 * made again, a schedule could lose the run that is due. The first time also removes those of chores that are no more.
 */
export async function scheduleChores(
  queue: Schedules,
  chores: readonly Chore[],
  { isFirst = false, nowMs = Date.now() }: { isFirst?: boolean; nowMs?: number } = {},
): Promise<void> {
  const found = new Map((await queue.getJobSchedulers(0, -1)).map((one) => [one.key, one]));
  for (const { name, everySeconds } of chores) {
    const every = everySeconds * 1_000;
    const scheduler = found.get(name);
    found.delete(name);
    const isFine = scheduler?.every === every && nowMs - (scheduler.next ?? 0) < 2 * every + overdueMs;
    if (!isFine) await queue.upsertJobScheduler(name, { every }, { name });
  }
  if (isFirst) {
    for (const name of found.keys()) await queue.removeJobScheduler(name);
  }
}
