import { waitUntil } from "@agentvine/testkit";

/**
 * How long from now a change went unfelt, in milliseconds: when the last try began that still found things as they were; 0 when none did.
 * How long a try takes on a busy machine counts for nothing: one that begins too late and still succeeds is a fault however slow.
 */
export async function lastOldMs(isFelt: () => Promise<boolean>): Promise<number> {
  const sinceMs = performance.now();
  let lastMs = 0;
  await waitUntil(
    async () => {
      const beganMs = performance.now() - sinceMs;
      if (await isFelt()) return true;
      lastMs = beganMs;
      return false;
    },
    { timeoutMs: 10_000 },
  );
  return lastMs;
}
