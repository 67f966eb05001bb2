import type { HistoryEvent, JournalCall, JournalEntry } from "../history.ts";
import type { Indexed, Rule, Violation } from "./rule.ts";

type Type = HistoryEvent["type"];

const lost = (entry: JournalEntry, message: string): Violation => ({
  rule: "acknowledged but lost",
  taskId: entry.taskId ?? null,
  message: `${entry.call} that ${entry.process} was told of (entry ${entry.seq}): ${message}`,
});

const describe = ({ workOrderId, attempt }: JournalEntry): string =>
  [workOrderId && `order ${workOrderId}`, attempt && `attempt ${attempt}`].filter(Boolean).join(", ");

/** Events by which an attempt's word is kept, by call. */
const eventOf: Partial<Record<JournalCall, Type>> = {
  claim: "work_order.claimed",
  complete: "work_order.completed",
  release: "work_order.released",
  park: "work_order.parked",
  fail: "execution.finished",
};
/** Events of a person's word, by call. */
const eventOfPerson: Partial<Record<JournalCall, Type>> = {
  cancel: "task.cancelled",
  approve: "task.approved",
  reject: "task.rejected",
  retry: "work_order.requeued",
  resume: "work_order.resumed",
};

function ofAttempt(history: Indexed, entry: JournalEntry, type: Type): Violation[] {
  const isThere = (history.byTask.get(entry.taskId ?? "") ?? []).some(
    (event) =>
      event.type === type && event.workOrderId === entry.workOrderId && event.attempt === entry.attempt,
  );
  return isThere ? [] : [lost(entry, `there is no ${type} of ${describe(entry)}`)];
}

/** As many events as acknowledgements: each of these calls is one event. */
function ofPerson(history: Indexed, entries: readonly JournalEntry[]): Violation[] {
  return entries.flatMap((entry) => {
    const type = eventOfPerson[entry.call];
    if (type === undefined) return [];
    const same = entries.filter(({ call, taskId }) => call === entry.call && taskId === entry.taskId);
    const there = (history.byTask.get(entry.taskId ?? "") ?? []).filter((event) => event.type === type);
    return same.indexOf(entry) < there.length ? [] : [lost(entry, `there is no ${type} for it`)];
  });
}

/** Whatever a process was told has happened is in the history. */
export const acknowledgedIsKept: Rule = (history) => {
  const told = history.journal.filter(({ phase }) => phase === "told");
  const known = new Map(history.tasks.map((task) => [task.id, task]));
  const branches = new Map(history.branches.map(({ name, commit }) => [name, commit]));
  const found = told.flatMap((entry): Violation[] => {
    const task = known.get(entry.taskId ?? "");
    if (task === undefined) return [lost(entry, "there is no such task")];
    if (entry.call === "create" && task.key !== entry.key) {
      return [lost(entry, `the task is called ${task.key}, not ${entry.key}`)];
    }
    if (entry.call === "cancel" && task.status !== "cancelled") {
      return [lost(entry, `the task is ${task.status}`)];
    }
    const isPublished = entry.call === "push" || (entry.call === "complete" && entry.kind === "publish");
    const commit = branches.get(entry.branch ?? "");
    if (isPublished && commit !== entry.commit) {
      return [lost(entry, `the branch ${entry.branch} is at ${commit ?? "nothing"}, not ${entry.commit}`)];
    }
    const type = eventOf[entry.call];
    return type === undefined ? [] : ofAttempt(history, entry, type);
  });
  return [...found, ...ofPerson(history, told)];
};

/** What was asked for once exists at most once, however often the request was repeated. */
export const createdOnce: Rule = ({ tasks }) => {
  const seen = new Set<string>();
  return tasks.flatMap(({ id, key }): Violation[] => {
    if (key === null) return [];
    if (seen.has(key)) {
      return [{ rule: "acknowledged but lost", taskId: id, message: `the task ${key} exists twice` }];
    }
    seen.add(key);
    return [];
  });
};
