import { seededRandom } from "@agentvine/testkit";

export const faultKinds = [
  "backend killed",
  "backend with a wrong clock",
  "postgres stopped at once",
  "postgres killed",
  "redis flushed",
  "redis stopped",
  "worker killed",
  "protocol worker killed",
  "executor killed",
  "controller killed",
  "controller stopped past its lease",
  "worker stopped past its lease",
  "protocol worker stopped past its lease",
  "partition with late returns",
  "replies cut after commit",
  "worker with a wrong clock",
  "disk full on a worker",
  "disk full on the server",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface PlannedFault {
  readonly kind: FaultKind;
  /** From the beginning of the run. */
  readonly atMs: number;
  /** Which of the workers, which offset, how long: numbers in [0, 1) that the fault makes something of. */
  readonly draws: readonly [number, number];
}

const startMs = 1_500;
const gapMsMin = 900;
const gapMsMax = 2_200;

/**
 * Faults over a time, the same for the same seed: first each of the kinds once in a drawn order, then drawn ones, at even distances
 * that are shaken a little. A short time makes them come quicker, so that as many kinds as possible have their turn.
 */
export function planFaults(seed: number, kinds: readonly FaultKind[], durationMs: number): PlannedFault[] {
  const random = seededRandom(seed ^ 0x5eed);
  const fittingMs = (durationMs - startMs) / Math.max(1, kinds.length);
  const gapMs = Math.min(gapMsMax, Math.max(gapMsMin, fittingMs));
  const left = [...kinds];
  const count = Math.max(0, Math.floor((durationMs - startMs) / gapMs));
  return Array.from({ length: kinds.length === 0 ? 0 : count }, (_, number) => {
    if (left.length === 0) left.push(...kinds);
    const [kind] = left.splice(Math.floor(random() * left.length), 1);
    const draws = [random(), random()] as const;
    return {
      kind: kind ?? "backend killed",
      atMs: Math.round(startMs + gapMs * (number + 0.5 * random())),
      draws,
    };
  });
}
