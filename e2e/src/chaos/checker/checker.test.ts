import type { EventType } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import type { History, HistoryEvent, HistoryTask, JournalEntry } from "../history.ts";
import { checkHistory, dispatchRules, type RuleName } from "./index.ts";
import { commit, first, healthyHistory, second } from "./sample-history.ts";

const seen = new Set<RuleName>();

/** The rules that a history breaks, each once. */
const broken = (history: History): RuleName[] => {
  const rules = [...new Set(checkHistory(history).map(({ rule }) => rule))];
  for (const rule of rules) seen.add(rule);
  return rules;
};

const renumbered = (events: readonly HistoryEvent[]): HistoryEvent[] =>
  events.map((event, number) => ({ ...event, position: number + 1 }));

/** Puts an event behind the first that matches. */
function insertAfter(
  history: History,
  isPlace: (event: HistoryEvent) => boolean,
  facts: Partial<HistoryEvent> & { type: EventType },
): History {
  const place = history.events.findIndex(isPlace);
  expect(place).toBeGreaterThanOrEqual(0);
  const event: HistoryEvent = {
    id: "added",
    position: 0,
    taskId: first,
    workOrderId: "o1",
    workerId: null,
    attempt: null,
    data: {},
    ...facts,
  };
  return { ...history, events: renumbered(history.events.toSpliced(place + 1, 0, event)) };
}

const is =
  (type: EventType, attempt: number, taskId = first) =>
  (event: HistoryEvent): boolean =>
    event.type === type && event.attempt === attempt && event.taskId === taskId;

const withTask = (change: Partial<HistoryTask>): History => {
  const history = healthyHistory();
  const tasks = history.tasks.map((task) => (task.id === first ? { ...task, ...change } : task));
  return { ...history, tasks };
};

const withJournal = (entry: Partial<JournalEntry> & Pick<JournalEntry, "call">): History => {
  const history = healthyHistory();
  const full: JournalEntry = { process: "p", seq: 9, atMs: 0, phase: "told", taskId: first, ...entry };
  return { ...history, journal: [...history.journal, full] };
};

describe("the checker of the chaos run", () => {
  it("is content with a history in which all is well", () => {
    expect(checkHistory(healthyHistory())).toEqual([]);
  });

  it("names a task that never ended", () => {
    expect(broken(withTask({ status: "in_progress" }))).toContain("unfinished");
  });

  it("names a second terminal event of one life, and allows one after a person's retry", () => {
    const end = { type: "task.completed" as const, workOrderId: "p1", attempt: 3 };
    expect(broken(insertAfter(healthyHistory(), is("task.completed", 3), end))).toContain("two endings");

    const failedFirst = insertAfter(healthyHistory(), is("task.requeued", 1), {
      type: "task.failed",
      attempt: 1,
    });
    const retried = insertAfter(failedFirst, is("task.failed", 1), { type: "task.queued" });
    expect(broken(retried)).not.toContain("two endings");
  });

  it("names a completion by an attempt whose lease was lost, whoever holds it now", () => {
    const late = { type: "work_order.completed" as const, attempt: 1 };
    // Nobody holds it.
    expect(broken(insertAfter(healthyHistory(), is("work_order.lease_lost", 1), late))).toContain(
      "stale attempt",
    );
    // The next attempt holds it.
    expect(broken(insertAfter(healthyHistory(), is("task.claimed", 2), late))).toContain("stale attempt");
  });

  it("names a lease that ends twice, an attempt number used again, and a task moved by an old attempt", () => {
    const again = { type: "work_order.completed" as const, attempt: 2 };
    expect(broken(insertAfter(healthyHistory(), is("work_order.completed", 2), again))).toContain(
      "stale attempt",
    );
    const reused = { type: "work_order.claimed" as const, attempt: 1 };
    expect(broken(insertAfter(healthyHistory(), is("work_order.lease_lost", 1), reused))).toContain(
      "stale attempt",
    );
    const moved = { type: "task.submitted" as const, attempt: 1 };
    expect(broken(insertAfter(healthyHistory(), is("task.claimed", 2), moved))).toContain("stale attempt");
  });

  it("names a cancellation under the name of another attempt, but not one of an order that nobody holds", () => {
    const cancelled = { type: "work_order.cancelled" as const, attempt: 1 };
    expect(broken(insertAfter(healthyHistory(), is("task.claimed", 2), cancelled))).toContain(
      "stale attempt",
    );
    const idle = insertAfter(healthyHistory(), is("task.requeued", 1), cancelled);
    expect(broken(idle)).not.toContain("stale attempt");
  });

  it("names a claim while another attempt holds the lease", () => {
    const claimed = { type: "work_order.claimed" as const, attempt: 2 };
    expect(broken(insertAfter(healthyHistory(), is("task.claimed", 1), claimed))).toContain("two leases");
  });

  it.each<[string, Partial<JournalEntry> & Pick<JournalEntry, "call">]>([
    ["creation", { call: "create", taskId: "nowhere", key: "t3" }],
    ["creation under another name", { call: "create", key: "t9" }],
    ["cancellation", { call: "cancel" }],
    ["claim", { call: "claim", workOrderId: "o1", attempt: 7 }],
    ["completion", { call: "complete", kind: "run", workOrderId: "o1", attempt: 1 }],
    ["failure", { call: "fail", workOrderId: "o1", attempt: 7 }],
    ["release", { call: "release", workOrderId: "o1", attempt: 2 }],
    ["park", { call: "park", workOrderId: "o1", attempt: 2 }],
    ["approval", { call: "approve" }],
    ["rejection", { call: "reject" }],
    ["resumption", { call: "resume" }],
    ["retry", { call: "retry" }],
    ["push", { call: "push", branch: `agentvine/${first}/a1`, commit }],
    [
      "publication",
      { call: "complete", kind: "publish", workOrderId: "p1", attempt: 3, branch: "elsewhere", commit },
    ],
  ])("names an acknowledged %s that left nothing behind", (_, entry) => {
    expect(broken(withJournal(entry))).toContain("acknowledged but lost");
    // Nobody was told of it: then it may be missing.
    expect(broken(withJournal({ ...entry, phase: "asked" }))).toEqual([]);
    expect(broken(withJournal({ ...entry, phase: "refused" }))).toEqual([]);
  });

  it("names a task that exists twice though it was asked for once", () => {
    expect(broken(withTask({ key: "t2" }))).toContain("acknowledged but lost");
  });

  it("names branches of attempts that were not accepted, of no task, of an old result, and missing ones", () => {
    const push = (name: string): History => {
      const history = healthyHistory();
      return { ...history, branches: [...history.branches, { repository: "r", name, commit }] };
    };
    expect(broken(push(`agentvine/${first}/a1`))).toEqual(["branch"]);
    expect(broken(push("agentvine/00000000-0000-7000-8000-000000000009/a1"))).toEqual(["branch"]);
    expect(broken({ ...healthyHistory(), branches: [] })).toEqual(["branch"]);
    expect(broken(withTask({ commit: "d".repeat(40) }))).toEqual(["branch"]);
  });

  it("names a branch that was accepted before another one, unless a person sent that result back", () => {
    const older = `agentvine/${first}/a1`;
    const accepted = insertAfter(healthyHistory(), is("work_order.lease_lost", 1), {
      type: "work_order.enqueued",
      workOrderId: "p0",
      data: { kind: "publish", branch: older },
    });
    const history = {
      ...accepted,
      branches: [...accepted.branches, { repository: "r", name: older, commit }],
    };
    expect(broken(history)).toContain("branch");
    const sentBack = insertAfter(history, ({ workOrderId }) => workOrderId === "p0", {
      type: "task.rejected",
    });
    expect(broken(sentBack)).not.toContain("branch");
  });

  it("names positions with a gap, a repeat, and none at all", () => {
    const withPosition = (position: number | null): History => {
      const { events, ...rest } = healthyHistory();
      return { ...rest, events: events.map((event, n) => (n === 20 ? { ...event, position } : event)) };
    };
    expect(broken(withPosition(20))).toContain("positions");
    expect(broken(withPosition(500))).toContain("positions");
    expect(broken(withPosition(null))).toContain("positions");
  });

  it("names counters that are not what they count", () => {
    const history = healthyHistory();
    expect(broken(withTask({ attempt: 4 }))).toEqual(["counters"]);
    expect(broken(withTask({ runs: 3 }))).toEqual(["counters"]);
    const withOrder = (change: { retryCount?: number; lostLeases?: number }): History => ({
      ...history,
      orders: history.orders.map((order) => (order.id === "o1" ? { ...order, ...change } : order)),
    });
    expect(broken(withOrder({ lostLeases: 0 }))).toEqual(["counters"]);
    expect(broken(withOrder({ retryCount: 1 }))).toEqual(["counters"]);
    const workers = [{ id: "w", name: "worker", activeCount: 1, held: 0 }];
    expect(broken({ ...history, workers })).toEqual(["counters"]);
    expect(broken({ ...history, told: { tasks: { completed: 3 }, openOrders: 0 } })).toEqual(["counters"]);
    expect(broken({ ...history, told: { tasks: { completed: 2 }, openOrders: 1 } })).toEqual(["counters"]);
  });

  it("names moves that the state machine does not know, and a row that stands elsewhere", () => {
    const odd = { type: "task.waiting" as const, attempt: null };
    expect(broken(insertAfter(healthyHistory(), is("task.completed", 3), odd))).toEqual(["transitions"]);
    expect(broken(withTask({ status: "failed" }))).toContain("transitions");
  });

  it("names a task that was started before what it waits for", () => {
    const history = healthyHistory();
    const tasks = history.tasks.map((task) =>
      task.id === first ? { ...task, dependsOn: [second] } : { ...task, dependsOn: [] },
    );
    expect(broken({ ...history, tasks })).toEqual(["early start"]);
  });

  it("names executions that still run, finish twice, or belong to no claim", () => {
    const history = healthyHistory();
    const running = history.executions.map((execution, n) =>
      n === 0 ? { ...execution, status: "running" as const } : execution,
    );
    expect(broken({ ...history, executions: running })).toEqual(["executions"]);
    expect(broken({ ...history, executions: history.executions.slice(1) })).toEqual(["executions"]);
    const twice = { type: "execution.finished" as const, attempt: 2 };
    expect(broken(insertAfter(history, is("execution.finished", 2), twice))).toContain("executions");
  });

  it("has a test in which it bites for each of its rules", () => {
    expect([...seen].toSorted()).toEqual([...dispatchRules].toSorted());
  });
});
