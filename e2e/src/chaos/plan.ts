import type { PermissionLevel, Priority } from "@agentvine/contracts";
import { seededRandom } from "@agentvine/testkit";

/** A task that the harness will ask for. */
export interface PlannedTask {
  /** Its name in journal and metadata; unique in a run. */
  readonly key: string;
  readonly atMs: number;
  readonly isReal: boolean;
  readonly permissionLevel: PermissionLevel;
  readonly priority: Priority;
  /** Keys of earlier tasks. */
  readonly dependsOn: readonly string[];
  /** Cancelled so long after it was created. */
  readonly cancelAfterMs: number | undefined;
  /** What its agent prints; a flood is megabytes. */
  readonly isFlood: boolean;
}

export interface PlanSize {
  readonly tasks: number;
  readonly realTasks: number;
  /** Tasks are created within this time. */
  readonly spreadMs: number;
}

type Draw = () => number;

const pick = <T>(random: Draw, items: readonly T[]): T => {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
};

const levels: readonly PermissionLevel[] = [
  "autonomous",
  "autonomous",
  "autonomous",
  "supervised",
  "supervised",
];
const priorities: readonly Priority[] = ["low", "normal", "normal", "high", "critical"];

/** What a run asks for; the same for the same seed and size. */
export function planTasks(seed: number, { tasks, realTasks, spreadMs }: PlanSize): PlannedTask[] {
  const random = seededRandom(seed);
  const everyNth = realTasks === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(tasks / realTasks));
  const planned: PlannedTask[] = [];
  for (let number = 0; number < tasks; number += 1) {
    const isReal = number % everyNth === 0 && number / everyNth < realTasks;
    const count = random() < 0.25 ? 1 + Math.floor(random() * 2) : 0;
    // Of the last few: chains grow, and a failed task blocks few others.
    const near = planned.slice(-25);
    const dependsOn = near.length === 0 ? [] : Array.from({ length: count }, () => pick(random, near).key);
    planned.push({
      key: `t${number}`,
      atMs: Math.floor((number / tasks) * spreadMs),
      isReal,
      permissionLevel: pick(random, levels),
      priority: pick(random, priorities),
      dependsOn: [...new Set(dependsOn)],
      cancelAfterMs: random() < 0.06 ? Math.floor(random() * 4_000) : undefined,
      isFlood: isReal && random() < 0.4,
    });
  }
  return planned;
}
