import type { History, HistoryEvent } from "../history.ts";

/** Of tasks, work orders and what they leave behind. */
export const dispatchRules = [
  "unfinished",
  "two endings",
  "stale attempt",
  "acknowledged but lost",
  "two leases",
  "branch",
  "positions",
  "counters",
  "transitions",
  "early start",
  "executions",
] as const;
/** Of what agents ask. */
export const requestRules = [
  "answered twice",
  "spent twice",
  "allowed by nobody",
  "waits for ever",
  "asked twice",
] as const;
export type RuleName = (typeof dispatchRules | typeof requestRules)[number];

export interface Violation {
  readonly rule: RuleName;
  readonly taskId: string | null;
  /** What was found, for a person. */
  readonly message: string;
}

/** A history with what every rule looks up. */
export interface Indexed extends History {
  /** The events in the order of their positions; those without one come last. */
  readonly ordered: readonly HistoryEvent[];
  readonly byTask: ReadonlyMap<string, readonly HistoryEvent[]>;
}

export type Rule = (history: Indexed) => Violation[];

export function index(history: History): Indexed {
  const last = Number.POSITIVE_INFINITY;
  const ordered = history.events.toSorted((a, b) => (a.position ?? last) - (b.position ?? last));
  const byTask = new Map<string, HistoryEvent[]>();
  for (const event of ordered) {
    if (event.taskId === null) continue;
    const known = byTask.get(event.taskId);
    if (known === undefined) byTask.set(event.taskId, [event]);
    else known.push(event);
  }
  return { ...history, ordered, byTask };
}

export const at = (event: HistoryEvent): string =>
  `${event.type} at position ${event.position ?? "none"} (attempt ${event.attempt ?? "none"})`;
