import type { EventType } from "@agentvine/contracts";
import type { History, HistoryEvent } from "../history.ts";

type Facts = Partial<Omit<HistoryEvent, "id" | "position" | "type">>;

export const first = "00000000-0000-7000-8000-000000000001";
export const second = "00000000-0000-7000-8000-000000000002";
export const commit = "c".repeat(40);
/** An approval of the first task: asked in attempt 1, allowed and used in attempt 2. */
export const leave = "r1";
/** A question of the second task. */
export const question = "r2";

/** Writes events one after the other; each gets the next position. */
function eventsOf(lines: readonly (readonly [EventType, Facts])[]): HistoryEvent[] {
  return lines.map(([type, facts], number) => ({
    id: String(number),
    position: number + 1,
    type,
    taskId: null,
    workOrderId: null,
    workerId: null,
    attempt: null,
    data: {},
    ...facts,
  }));
}

const run = (taskId: string, workOrderId: string, attempt: number): Facts => ({
  taskId,
  workOrderId,
  attempt,
});

const about = (taskId: string, workOrderId: string, attempt: number, requestId: string): Facts => ({
  ...run(taskId, workOrderId, attempt),
  data: { requestId },
});

/** What the first attempt asks; a question is answered at once. */
const asked = (taskId: string, o: string, requestId: string): (readonly [EventType, Facts])[] => [
  ["worker_request.raised", about(taskId, o, 1, requestId)],
  ...(requestId === question ? ([["worker_request.answered", about(taskId, o, 1, requestId)]] as const) : []),
];

/** The run of a task and its publication, as a healthy backend writes them. `o` and `p` are its orders. */
const life = (taskId: string, number: number, isLostOnce: boolean): (readonly [EventType, Facts])[] => {
  const [o, p] = [`o${number}`, `p${number}`];
  const branch = `agentvine/${taskId}/a${isLostOnce ? 2 : 1}`;
  const ran = isLostOnce ? 2 : 1;
  return [
    ["work_order.claimed", run(taskId, o, 1)],
    ["task.claimed", run(taskId, o, 1)],
    ...asked(taskId, o, isLostOnce ? leave : question),
    ...(isLostOnce
      ? ([
          ["execution.finished", run(taskId, o, 1)],
          ["work_order.lease_lost", run(taskId, o, 1)],
          ["task.requeued", run(taskId, o, 1)],
          ["work_order.claimed", run(taskId, o, 2)],
          ["task.claimed", run(taskId, o, 2)],
          ["worker_request.adopted", about(taskId, o, 2, leave)],
          [
            "worker_request.answered",
            { ...about(taskId, o, 2, leave), data: { requestId: leave, source: "person" } },
          ],
          ["worker_request.spent", about(taskId, o, 2, leave)],
        ] as const)
      : []),
    ["execution.finished", run(taskId, o, ran)],
    ["work_order.completed", run(taskId, o, ran)],
    ["work_order.enqueued", { taskId, workOrderId: p, data: { kind: "publish", branch } }],
    ["work_order.claimed", run(taskId, p, ran + 1)],
    ["execution.finished", run(taskId, p, ran + 1)],
    ["work_order.completed", run(taskId, p, ran + 1)],
    ["task.completed", run(taskId, p, ran + 1)],
  ];
};

/** A history in which all is well: two tasks, the second waits for the first; the first lost a lease on its way. */
export function healthyHistory(): History {
  const events = eventsOf([
    ["task.created", { taskId: first }],
    ["work_order.enqueued", { taskId: first, workOrderId: "o1", data: { kind: "run" } }],
    ["task.queued", { taskId: first }],
    ["task.created", { taskId: second }],
    ["task.blocked", { taskId: second }],
    ...life(first, 1, true),
    ["task.unblocked", { taskId: second }],
    ["work_order.enqueued", { taskId: second, workOrderId: "o2", data: { kind: "run" } }],
    ...life(second, 2, false),
  ]);
  const execution = (taskId: string, workOrderId: string, attempt: number) => ({
    taskId,
    workOrderId,
    attempt,
    kind: workOrderId.startsWith("o") ? ("run" as const) : ("publish" as const),
    status: "succeeded" as const,
  });
  const task = (id: string, key: string, attempt: number, runs: number, dependsOn: string[]) => ({
    id,
    key,
    status: "completed" as const,
    statusReason: "",
    attempt,
    runs,
    branch: `agentvine/${id}/a${runs}`,
    commit,
    dependsOn,
  });
  const order = (id: string, taskId: string, kind: "run" | "publish", lostLeases: number) => ({
    id,
    taskId,
    kind,
    status: "completed" as const,
    retryCount: 0,
    lostLeases,
  });
  const told = { process: "people", atMs: 0, phase: "told" as const };
  return {
    events,
    tasks: [task(first, "t1", 3, 2, []), task(second, "t2", 2, 1, [first])],
    orders: [
      order("o1", first, "run", 1),
      order("p1", first, "publish", 0),
      order("o2", second, "run", 0),
      order("p2", second, "publish", 0),
    ],
    executions: [
      { ...execution(first, "o1", 1), status: "lost" as const },
      execution(first, "o1", 2),
      execution(first, "p1", 3),
      execution(second, "o2", 1),
      execution(second, "p2", 2),
    ],
    requests: [
      {
        ...{ id: leave, taskId: first, kind: "approval", status: "answered", fingerprint: "f1" },
        ...{
          command: "deploy",
          decision: "allow",
          answerSource: "person",
          answerText: "",
          spentByAttempt: 2,
        },
      },
      {
        ...{ id: question, taskId: second, kind: "question", status: "answered", fingerprint: "f2" },
        ...{ command: null, decision: null, answerSource: "person", answerText: "so", spentByAttempt: null },
      },
    ],
    workers: [{ id: "w", name: "worker", activeCount: 0, held: 0 }],
    branches: [
      { repository: "r", name: `agentvine/${first}/a2`, commit },
      { repository: "r", name: `agentvine/${second}/a1`, commit },
    ],
    journal: [
      { ...told, seq: 1, call: "create", key: "t1", taskId: first },
      { ...told, seq: 2, call: "claim", taskId: first, workOrderId: "o1", attempt: 2 },
      { ...told, seq: 4, phase: "asked", call: "answer", taskId: first, requestId: leave, decision: "allow" },
      { ...told, seq: 5, call: "answer", taskId: first, requestId: leave, decision: "allow" },
      { ...told, seq: 6, phase: "asked", call: "answer", taskId: second, requestId: question, text: "so" },
      { ...told, seq: 7, call: "spend", taskId: first, requestId: leave, attempt: 2, subject: "deploy" },
      { ...told, seq: 3, call: "complete", kind: "run", taskId: first, workOrderId: "o1", attempt: 2 },
    ],
    told: { tasks: { completed: 2 }, openOrders: 0 },
  };
}
