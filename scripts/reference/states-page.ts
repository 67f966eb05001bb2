// docs/reference/states.md: a diagram and a table per state machine, drawn from the transition tables of the contracts.
import {
  type ExecutionStatus,
  executionMachine,
  type StateMachine,
  type TaskStatus,
  taskMachine,
  toMermaid,
  type WorkerRequestStatus,
  type WorkerStatus,
  type WorkOrderStatus,
  workerMachine,
  workerRequestMachine,
  workOrderMachine,
} from "../../packages/contracts/src/index.ts";
import { code, pageHead, table } from "./markdown.ts";

const intro = `The transition tables in \`packages/contracts/src/state-machines/\` are the truth; the diagrams are drawn from them, and the code
refuses every other move. A change is saved only when the status is still the expected one: of two that race, one gets a conflict.`;

const taskStatuses: Record<TaskStatus, string> = {
  pending: "Created, not in the queue.",
  blocked: "A task it depends on is unfinished; if that one fails, it stays blocked and says why.",
  queued: "A work order is pending.",
  in_progress: "A worker holds the lease; also while the result is published.",
  waiting: "A question is open, or the execution is parked.",
  in_review: "A person must look at the result; approving keeps it here until the branch is pushed.",
  completed: "The branch is published.",
  failed: "No result that holds; can be retried.",
  cancelled: "Stopped by somebody.",
};

const workOrderStatuses: Record<WorkOrderStatus, string> = {
  pending: "In its lane, to be claimed from `availableAt` on.",
  claimed: "A worker holds the lease.",
  parked: "Waits for an answer; holds neither lease nor slot.",
  completed: "The result is handed in.",
  failed: "Failed for good; as `worker_lost` it is a dead letter that can be requeued.",
  cancelled: "Its task was cancelled.",
  expired: "Given up at `expiresAt` without a claim.",
};

const executionStatuses: Record<ExecutionStatus, string> = {
  running: "Going on.",
  succeeded: "Handed in a result that its gate accepted or could not judge.",
  failed: "Failed in `agent`, `verification`, `setup`, `checkout` or `infrastructure`.",
  refused: "The agent declined the task.",
  cancelled: "Its task was cancelled.",
  timed_out: "Took longer than the task's `timeoutSeconds`.",
  parked: "Stopped at a checkpoint to wait for an answer.",
  released: "Given back by a worker that drains.",
  lost: "Its worker was not heard of any more.",
};

const workerStatuses: Record<WorkerStatus, string> = {
  idle: "Waits for work.",
  busy: "Runs at least one execution.",
  draining: "Takes nothing new, finishes what it holds.",
  offline: "Missed three heartbeats, or left.",
  error: "Can't take work and says why (disk full, sandbox broken).",
};

const workerRequestStatuses: Record<WorkerRequestStatus, string> = {
  pending: "Raised, not routed; never seen from outside its transaction.",
  automated: "Waits for a controller.",
  human: "Waits for a person.",
  answered: "Answered or allowed.",
  denied: "Denied.",
  no_answer: "Its deadline passed; the agent is told that nobody decided.",
  expired: "Its deadline passed with nobody there to be told.",
  cancelled: "Its task was cancelled, or the agent took it back.",
  superseded: "The work it was raised for ended without it.",
};

const section = <Status extends string, Event extends string>(
  title: string,
  machine: StateMachine<Status, Event>,
  meanings: Record<Status, string>,
): string => `## ${title}

\`\`\`mermaid
${toMermaid(machine)}
\`\`\`

${table(
  ["status", "meaning"],
  machine.statuses.map((status) => [code(status), meanings[status]]),
)}`;

export const statesPage = (): string =>
  `${[
    pageHead("States", intro).trimEnd(),
    section("Task", taskMachine, taskStatuses),
    section("Work order", workOrderMachine, workOrderStatuses),
    section("Execution", executionMachine, executionStatuses),
    section("Worker", workerMachine, workerStatuses),
    section("Worker request", workerRequestMachine, workerRequestStatuses),
  ].join("\n\n")}\n`;
