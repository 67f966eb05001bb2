import type { Evidence, Task, WorkerRequest } from "@agentvine/contracts";
import { durationText } from "../output/duration.ts";
import type { Output } from "../output/output.ts";
import { oneLine } from "../output/plain-text.ts";
import { table } from "../output/table.ts";
import { evidenceText, statusText } from "../output/task-view.ts";

/** One task of the demo as `--json` prints it. */
export interface DemoTask {
  readonly id: string;
  readonly type: Task["type"];
  readonly status: Task["status"];
  readonly outcome: string;
  readonly attempts: number;
  /** Path of the repository that holds the published branch. */
  readonly repository: string;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly evidence: Evidence | null;
}

/** One thing an agent asked, and who decided it. */
export interface DemoRequest {
  readonly request: WorkerRequest;
  /** Who decided, when it was somebody of the demo itself. */
  readonly decidedBy: string | undefined;
}

const requestJson = ({ request, decidedBy }: DemoRequest) => ({
  id: request.id,
  taskId: request.taskId,
  taskType: request.taskType,
  kind: request.kind,
  question: request.question,
  command: request.approval?.command ?? null,
  status: request.status,
  source: request.answer?.source ?? null,
  sourceId: request.answer?.sourceId ?? null,
  by: decidedBy ?? request.answer?.by ?? null,
  citations: request.answer?.citations ?? [],
  waitedMs: request.waitedMs,
});

/** The demo's one JSON object. */
export const demoJson = (
  tasks: readonly Task[],
  repositories: ReadonlyMap<string, string>,
  requests: readonly DemoRequest[],
) => ({
  ok: tasks.every((task) => task.status === "completed"),
  requests: requests.map(requestJson),
  tasks: tasks.map(
    (task): DemoTask => ({
      id: task.id,
      type: task.type,
      status: task.status,
      outcome: task.result?.outcome ?? task.status,
      attempts: task.runs,
      repository: repositories.get(task.id) ?? task.repositoryUrl,
      branch: task.result?.branch ?? null,
      commit: task.result?.commit ?? null,
      evidence: task.result?.evidence ?? null,
    }),
  ),
});

const took = (task: Task): string =>
  task.completedAt === null ? "" : durationText(Date.parse(task.completedAt) - Date.parse(task.createdAt));

/** What came out, a task a row, the evidence on a line of its own. */
export const demoTable = (tasks: readonly Task[], output: Output): string => {
  const { colors, columns } = output;
  const rows = tasks.map((task) => [
    task.type,
    statusText(task.status, colors),
    String(task.runs),
    took(task),
    task.result?.commit?.slice(0, 10) ?? "",
    task.result?.branch ?? "",
  ]);
  const head = ["TASK", "OUTCOME", "ATTEMPTS", "TIME", "COMMIT", "BRANCH"].map((text) => colors.dim(text));
  const evidence = tasks.map((task) => {
    const text = task.result?.evidence == null ? task.statusReason : evidenceText(task.result.evidence);
    return `  ${task.type.padEnd(8)} ${oneLine(text, output.isInteractive ? Math.max(40, columns - 12) : 500)}`;
  });
  return [table(head, rows), "", colors.dim("EVIDENCE"), ...evidence].join("\n");
};
