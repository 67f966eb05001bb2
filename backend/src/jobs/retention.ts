import { type RetentionClass, type RetentionDays, retentionClasses } from "../retention.ts";

/** Removes what is older than so many days. @returns how many */
export type Forget = (days: number) => Promise<number>;

/**
 * Removes of each class what is older than it is kept. One that fails keeps no other from it.
 * @throws AggregateError of those that failed
 */
export async function runRetention(
  days: RetentionDays,
  forget: Readonly<Record<RetentionClass, Forget>>,
): Promise<Partial<Record<RetentionClass, number>>> {
  const removed: Partial<Record<RetentionClass, number>> = {};
  const failures: unknown[] = [];
  for (const name of retentionClasses) {
    if (days[name] === 0) continue;
    try {
      removed[name] = await forget[name](days[name]);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "the retention could not remove everything");
  return removed;
}
