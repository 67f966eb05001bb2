import type {
  AnswerSource,
  EventType,
  ExecutionStatus,
  TaskStatus,
  WorkerRequestKind,
  WorkerRequestStatus,
  WorkOrderKind,
  WorkOrderStatus,
} from "@agentvine/contracts";

/** One row of the append-only `events`. */
export interface HistoryEvent {
  readonly id: string;
  /** Null as long as an earlier transaction may still commit; none may be null when all is quiet. */
  readonly position: number | null;
  readonly type: EventType;
  readonly taskId: string | null;
  readonly workOrderId: string | null;
  readonly workerId: string | null;
  readonly attempt: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface HistoryTask {
  readonly id: string;
  /** What the harness called it; null when the harness did not ask for it. */
  readonly key: string | null;
  readonly status: TaskStatus;
  readonly statusReason: string;
  readonly attempt: number;
  readonly runs: number;
  /** What its result says was published. */
  readonly branch: string | null;
  readonly commit: string | null;
  readonly dependsOn: readonly string[];
}

export interface HistoryOrder {
  readonly id: string;
  readonly taskId: string;
  readonly kind: WorkOrderKind;
  readonly status: WorkOrderStatus;
  readonly retryCount: number;
  readonly lostLeases: number;
}

export interface HistoryExecution {
  readonly taskId: string;
  readonly workOrderId: string;
  readonly attempt: number;
  readonly kind: WorkOrderKind;
  readonly status: ExecutionStatus;
}

export interface HistoryWorker {
  readonly id: string;
  readonly name: string;
  readonly activeCount: number;
  /** Orders that its row in `work_orders` says it holds. */
  readonly held: number;
}

export interface PushedBranch {
  readonly repository: string;
  readonly name: string;
  readonly commit: string;
}

export const journalCalls = [
  "create",
  "cancel",
  "approve",
  "reject",
  "retry",
  "resume",
  "claim",
  "complete",
  "fail",
  "release",
  "park",
  "push",
  "raise",
  "spend",
  "answer",
] as const;
export type JournalCall = (typeof journalCalls)[number];

/** What a process was about to ask (`asked`), and what it was answered: yes (`told`) or a definite no (`refused`). */
export interface JournalEntry {
  readonly process: string;
  /** Rising by one per process. */
  readonly seq: number;
  /** Monotonic time of the machine, for people who look for what went wrong. */
  readonly atMs: number;
  readonly phase: "asked" | "told" | "refused";
  readonly call: JournalCall;
  readonly key?: string;
  readonly taskId?: string;
  readonly workOrderId?: string;
  readonly attempt?: number;
  readonly kind?: WorkOrderKind;
  readonly branch?: string;
  readonly commit?: string;
  readonly requestId?: string;
  /** The command or the question that a request is about. */
  readonly subject?: string;
  /** What a person answered an approval. */
  readonly decision?: "allow" | "deny";
  /** What a person said. */
  readonly text?: string;
  /** Error code of a refusal. */
  readonly code?: string;
}

/** A worker request as its row stands. */
export interface HistoryRequest {
  readonly id: string;
  readonly taskId: string;
  readonly kind: WorkerRequestKind;
  readonly status: WorkerRequestStatus;
  readonly fingerprint: string;
  /** The command that an approval is for; null for words. */
  readonly command: string | null;
  readonly decision: "allow" | "deny" | null;
  readonly answerSource: AnswerSource | null;
  readonly answerText: string;
  readonly spentByAttempt: number | null;
}

/** Counters as the API tells them. */
export interface ToldCounters {
  readonly tasks: Readonly<Record<string, number>>;
  /** Orders of all lanes that are pending, claimed or parked. */
  readonly openOrders: number;
}

/** Everything a run left behind, as plain data. */
export interface History {
  readonly events: readonly HistoryEvent[];
  readonly tasks: readonly HistoryTask[];
  readonly orders: readonly HistoryOrder[];
  readonly executions: readonly HistoryExecution[];
  readonly requests: readonly HistoryRequest[];
  readonly workers: readonly HistoryWorker[];
  readonly branches: readonly PushedBranch[];
  readonly journal: readonly JournalEntry[];
  readonly told: ToldCounters;
}
