import { createHash } from "node:crypto";

/** What a protocol worker makes of a run. */
export interface Fate {
  readonly ending: "complete" | "park" | "release" | "retryable" | "failed";
  readonly workMs: number;
  /** It falls silent, waits until its lease is over, and then hands in its result all the same. */
  readonly isLate: boolean;
  /** How often it hands in the same result at once. */
  readonly copies: number;
  /** Told to cancel, it goes on regardless. */
  readonly isDeaf: boolean;
}

/** The same for the same seed, task and attempt, whichever worker it meets. */
export function fateOf(seed: number, key: string, attempt: number): Fate {
  const digest = createHash("sha256").update(`${seed} ${key} ${attempt}`).digest();
  let next = 0;
  const random = (): number => {
    next += 4;
    return digest.readUInt32LE(next - 4) / 2 ** 32;
  };
  const drawn = random();
  const ending =
    drawn < 0.12 && attempt < 4
      ? "park"
      : drawn < 0.18
        ? "release"
        : drawn < 0.24
          ? "retryable"
          : drawn < 0.255
            ? "failed"
            : "complete";
  return {
    ending,
    workMs: Math.round(10 + random() ** 3 * 600),
    isLate: random() < 0.07,
    copies: random() < 0.15 ? 3 : 1,
    isDeaf: random() < 0.5,
  };
}
