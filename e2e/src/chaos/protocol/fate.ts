import { createHash } from "node:crypto";

/** What the agent of a task asks before it goes on; every attempt asks the same. */
export interface Asking {
  readonly kind: "approval" | "clarification" | "question";
  /** The command or the question. */
  readonly subject: string;
  /** How long an attempt waits before it parks. */
  readonly patienceMs: number;
  /** How often it uses its leave at once. */
  readonly spends: number;
  /** It tries its leave for another call first. */
  readonly isGreedy: boolean;
}

/** What a protocol worker makes of a run. */
export interface Fate {
  readonly asking: Asking | undefined;
  readonly ending: "complete" | "park" | "release" | "retryable" | "failed";
  readonly workMs: number;
  /** It falls silent, waits until its lease is over, and then hands in its result all the same. */
  readonly isLate: boolean;
  /** How often it hands in the same result at once. */
  readonly copies: number;
  /** Told to cancel, it goes on regardless. */
  readonly isDeaf: boolean;
}

/** Up to eight numbers in [0, 1), the same for the same text. */
function drawsOf(text: string): () => number {
  const digest = createHash("sha256").update(text).digest();
  let next = 0;
  return () => {
    next += 4;
    return digest.readUInt32LE(next - 4) / 2 ** 32;
  };
}

/** What the task makes its agents ask, and how this attempt goes about it. */
function askingOf(seed: number, key: string, attempt: number): Asking | undefined {
  const drawn = drawsOf(`${seed} ${key} asks`)();
  const random = drawsOf(`${seed} ${key} ${attempt} asks`);
  const manner = {
    patienceMs: Math.round(100 + random() ** 2 * 3_000),
    spends: random() < 0.3 ? 2 : 1,
    isGreedy: random() < 0.2,
  };
  if (drawn < 0.3) return { kind: "approval", subject: `deploy ${key}`, ...manner };
  if (drawn < 0.4) return { kind: "clarification", subject: `What does ${key} mean?`, ...manner };
  // Asked by several tasks: the first answer settles the others.
  if (drawn < 0.5) return { kind: "question", subject: `Which style for part ${key.at(-1)}?`, ...manner };
  return undefined;
}

/** The same for the same seed, task and attempt, whichever worker it meets. */
export function fateOf(seed: number, key: string, attempt: number): Fate {
  const random = drawsOf(`${seed} ${key} ${attempt}`);
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
    asking: askingOf(seed, key, attempt),
    ending,
    workMs: Math.round(10 + random() ** 3 * 600),
    isLate: random() < 0.07,
    copies: random() < 0.15 ? 3 : 1,
    isDeaf: random() < 0.5,
  };
}
