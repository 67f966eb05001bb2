import { nextStatus, type TaskEvent, type TaskStatus, taskMachine } from "@agentvine/contracts";
import type { HistoryEvent } from "../history.ts";
import { at, type Rule, type Violation } from "./rule.ts";

const isOver = (status: string): boolean => ["completed", "failed", "cancelled"].includes(status);

/** When all is quiet every task has ended. */
export const everyTaskEnds: Rule = ({ tasks }) =>
  tasks
    .filter(({ status }) => !isOver(status))
    .map(({ id, status, statusReason }) => ({
      rule: "unfinished",
      taskId: id,
      message: `it is still ${status}: ${statusReason || "no reason told"}`,
    }));

const endings = new Set<HistoryEvent["type"]>(["task.completed", "task.failed", "task.cancelled"]);

/** One terminal event per life at most; a person's retry of a failed task begins another life. */
export const oneEndingPerLife: Rule = ({ byTask }) => {
  const found: Violation[] = [];
  for (const [taskId, events] of byTask) {
    let ending: HistoryEvent | undefined;
    for (const event of events) {
      if (endings.has(event.type)) {
        if (ending !== undefined) {
          found.push({ rule: "two endings", taskId, message: `${at(event)} after ${at(ending)}` });
        }
        ending = event;
      } else if (event.type === "task.queued" && ending?.type === "task.failed") {
        ending = undefined;
      }
    }
  }
  return found;
};

/** The moves of the task machine that an event may tell. */
const movesOf: Partial<Record<HistoryEvent["type"], readonly TaskEvent[]>> = {
  "task.queued": ["enqueue", "retry"],
  "task.blocked": ["block"],
  "task.unblocked": ["unblock"],
  "task.claimed": ["claim"],
  "task.waiting": ["wait"],
  "task.answered": ["answer"],
  "task.requeued": ["requeue"],
  "task.submitted": ["submit"],
  "task.rejected": ["reject"],
  "task.completed": ["complete"],
  "task.failed": ["fail"],
  "task.cancelled": ["cancel"],
};

/** The events of a task, in their order, walk its state machine and lead to where its row stands. */
export const movesAreLegal: Rule = ({ byTask, tasks }) =>
  tasks.flatMap(({ id, status: row }) => {
    const found: Violation[] = [];
    let status: TaskStatus = taskMachine.initial;
    for (const event of byTask.get(id) ?? []) {
      const moves = movesOf[event.type];
      if (moves === undefined) continue;
      const before: TaskStatus = status;
      const next = moves.map((move) => nextStatus(taskMachine, before, move)).find((to) => to !== undefined);
      if (next === undefined) {
        found.push({ rule: "transitions", taskId: id, message: `${at(event)} while it was ${before}` });
        break;
      }
      status = next;
    }
    if (found.length === 0 && status !== row) {
      found.push({
        rule: "transitions",
        taskId: id,
        message: `its events lead to ${status}, its row says ${row}`,
      });
    }
    return found;
  });

/** Nobody starts a task before all it waits for is completed. */
export const dependenciesFirst: Rule = ({ byTask, tasks }) =>
  tasks.flatMap(({ id, dependsOn }) => {
    const placeOf = (taskId: string, type: HistoryEvent["type"]): number => {
      const event = byTask.get(taskId)?.find((one) => one.type === type);
      return event === undefined ? Number.POSITIVE_INFINITY : (event.position ?? Number.POSITIVE_INFINITY);
    };
    const started = placeOf(id, "work_order.claimed");
    if (started === Number.POSITIVE_INFINITY) return [];
    return dependsOn
      .filter((other) => placeOf(other, "task.completed") > started)
      .map((other) => ({
        rule: "early start" as const,
        taskId: id,
        message: `it was claimed at position ${started}, before ${other} was completed`,
      }));
  });
