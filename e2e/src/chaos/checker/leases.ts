import type { HistoryEvent } from "../history.ts";
import { at, type Rule, type Violation } from "./rule.ts";

type Type = HistoryEvent["type"];

/** Events by which the attempt they name gives its lease up, or loses it. */
const leaseEnds = new Set<Type>([
  "work_order.completed",
  "work_order.failed",
  "work_order.retried",
  "work_order.released",
  "work_order.parked",
  "work_order.lease_lost",
]);
/** Moves of a task by an attempt's doing. */
const attemptMoves = new Set<Type>([
  "task.submitted",
  "task.completed",
  "task.failed",
  "task.requeued",
  "task.waiting",
]);

interface Held {
  readonly workOrderId: string | null;
  readonly attempt: number | null;
}

/** Walks the events of one task and notes who holds its lease. */
class LeaseWalk {
  readonly found: Violation[] = [];
  readonly #taskId: string;
  #held: Held | undefined;
  #attempt = 0;
  readonly #finished = new Set<number>();

  constructor(taskId: string) {
    this.#taskId = taskId;
  }

  see(event: HistoryEvent): void {
    if (event.type === "work_order.claimed") this.#claimed(event);
    else if (leaseEnds.has(event.type)) this.#ended(event);
    else if (event.type === "work_order.cancelled") this.#cancelled(event);
    else if (event.type === "execution.finished") this.#executionFinished(event);
    else if (attemptMoves.has(event.type)) this.#moved(event);
  }

  #add(rule: Violation["rule"], message: string): void {
    this.found.push({ rule, taskId: this.#taskId, message });
  }

  #claimed(event: HistoryEvent): void {
    const attempt = event.attempt ?? 0;
    if (this.#held !== undefined) {
      this.#add("two leases", `${at(event)} while attempt ${this.#held.attempt} held the lease`);
    }
    if (attempt <= this.#attempt) {
      this.#add("stale attempt", `${at(event)}: the number is not above the last one, ${this.#attempt}`);
    }
    this.#attempt = attempt;
    this.#held = { workOrderId: event.workOrderId, attempt: event.attempt };
  }

  #ended(event: HistoryEvent): void {
    const held = this.#held;
    if (held?.workOrderId !== event.workOrderId || held.attempt !== event.attempt) {
      const now = held === undefined ? "nobody held the lease" : `attempt ${held.attempt} held the lease`;
      this.#add("stale attempt", `${at(event)} while ${now}`);
      return;
    }
    this.#held = undefined;
  }

  /** A pending or parked order can be cancelled too: it names its last attempt, which holds nothing. */
  #cancelled(event: HistoryEvent): void {
    if (this.#held?.workOrderId !== event.workOrderId) return;
    if (this.#held.attempt !== event.attempt) {
      this.#add("stale attempt", `${at(event)} while attempt ${this.#held.attempt} held the lease`);
    }
    this.#held = undefined;
  }

  #executionFinished(event: HistoryEvent): void {
    const attempt = event.attempt ?? 0;
    if (this.#finished.has(attempt)) this.#add("executions", `${at(event)}: it had finished before`);
    if (attempt !== this.#attempt) {
      this.#add("stale attempt", `${at(event)} after attempt ${this.#attempt} was claimed`);
    }
    this.#finished.add(attempt);
  }

  #moved(event: HistoryEvent): void {
    if (event.attempt !== null && event.attempt !== this.#attempt) {
      this.#add("stale attempt", `${at(event)} after attempt ${this.#attempt} was claimed`);
    }
  }
}

/** Never two live leases of a task, and nothing is settled by an attempt that does not hold it. */
export const leasesAreFenced: Rule = ({ byTask }) =>
  [...byTask].flatMap(([taskId, events]) => {
    const walk = new LeaseWalk(taskId);
    for (const event of events) walk.see(event);
    return walk.found;
  });

/** One execution for each claim, and all of them have ended. */
export const executionsMatchClaims: Rule = ({ byTask, executions, tasks }) => {
  const found: Violation[] = executions
    .filter(({ status }) => status === "running")
    .map(({ taskId, attempt }) => ({
      rule: "executions",
      taskId,
      message: `attempt ${attempt} is still running`,
    }));
  for (const { id } of tasks) {
    const claimed = (byTask.get(id) ?? []).filter(({ type }) => type === "work_order.claimed");
    const own = executions.filter(({ taskId }) => taskId === id).map(({ attempt }) => attempt);
    const numbers = claimed.map(({ attempt }) => attempt ?? 0);
    if (numbers.toSorted().join() !== own.toSorted().join()) {
      found.push({
        rule: "executions",
        taskId: id,
        message: `claimed as attempts ${numbers.join(", ")}, executions of ${own.join(", ")}`,
      });
    }
  }
  return found;
};
