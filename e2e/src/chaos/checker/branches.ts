import type { HistoryEvent } from "../history.ts";
import type { Rule, Violation } from "./rule.ts";

const pattern = /^agentvine\/([0-9a-f-]{36})\/a(\d+)$/;

/** Names of the branches that the task's result was accepted under, oldest first. */
const acceptedOf = (events: readonly HistoryEvent[]): { branch: string; place: number }[] =>
  events.flatMap(({ type, data }, place) =>
    type === "work_order.enqueued" && data.kind === "publish" && typeof data.branch === "string"
      ? [{ branch: data.branch, place }]
      : [],
  );

/**
 * Only what was accepted is on the remote: for a completed task the branch of its last run alone. A branch accepted earlier may be
 * there when a person sent the result back after that.
 */
export const onlyAcceptedBranches: Rule = ({ branches, byTask, tasks }) => {
  const found: Violation[] = [];
  const known = new Map(tasks.map((task) => [task.id, task]));
  const add = (taskId: string | null, message: string) => found.push({ rule: "branch", taskId, message });
  for (const { name, commit } of branches) {
    const taskId = pattern.exec(name)?.[1];
    const task = known.get(taskId ?? "");
    if (task === undefined || taskId === undefined) {
      add(null, `the remote has ${name}, which belongs to no task`);
      continue;
    }
    const events = byTask.get(taskId) ?? [];
    const accepted = acceptedOf(events);
    const own = accepted.find(({ branch }) => branch === name);
    if (own === undefined) {
      add(taskId, `the remote has ${name}, which was never accepted`);
      continue;
    }
    const isSentBack = events.some(({ type }, place) => type === "task.rejected" && place > own.place);
    if (accepted.at(-1)?.branch !== name && !isSentBack) {
      add(taskId, `the remote has ${name}, though ${accepted.at(-1)?.branch} was accepted later`);
    }
    if (task.status === "completed" && task.branch === name && task.commit !== commit) {
      add(taskId, `${name} is at ${commit}, the result says ${task.commit}`);
    }
  }
  const pushed = new Set(branches.map(({ name }) => name));
  for (const { id, status, branch } of tasks) {
    if (status === "completed" && !pushed.has(branch ?? "")) {
      add(id, `it is completed, but the remote has no ${branch ?? "branch"}`);
    }
  }
  return found;
};
