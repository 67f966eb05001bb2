/** Rows that one statement removes at most, so that nobody waits long for its locks. */
const rowsMax = 5_000;
/** What is left after so many statements is left to the next run. */
const statementsMax = 200;

/** Removes rows a batch at a time until none is left, or for long enough. @returns how many */
export async function inBatches(removeSome: (limit: number) => Promise<number>): Promise<number> {
  let removed = 0;
  for (let statement = 0; statement < statementsMax; statement += 1) {
    const count = await removeSome(rowsMax);
    removed += count;
    if (count < rowsMax) break;
  }
  return removed;
}
