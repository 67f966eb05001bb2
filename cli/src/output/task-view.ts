import type { Evidence, Task, TaskResult } from "@agentvine/contracts";
import { elapsedText } from "./duration.ts";
import { foreign, type Output } from "./output.ts";
import { oneLine } from "./plain-text.ts";
import { table } from "./table.ts";

type Colors = Output["colors"];

/** The status in its colour. */
export const statusText = (status: Task["status"], colors: Colors): string => {
  switch (status) {
    case "completed":
      return colors.green(status);
    case "failed":
    case "cancelled":
      return colors.red(status);
    case "in_review":
    case "waiting":
    case "blocked":
      return colors.yellow(status);
    case "in_progress":
      return colors.cyan(status);
    case "pending":
    case "queued":
      return status;
  }
};

const percent = (value: number | null): string => (value === null ? "?" : `${value.toFixed(1)} %`);

/** What the gate showed, in one line. */
export const evidenceText = (evidence: Evidence | null): string => {
  if (evidence === null) return "";
  const parts: string[] = [];
  const { tests, coverage } = evidence;
  if (tests !== null && tests.redToGreen.length > 0) {
    const [first, ...rest] = tests.redToGreen;
    parts.push(`red at base, green now: ${first}${rest.length > 0 ? ` (+${rest.length})` : ""}`);
  }
  if (tests !== null && tests.added.length > 0) parts.push(`${tests.added.length} tests added`);
  if (tests?.result != null && tests.redToGreen.length === 0) parts.push(`${tests.result.passed} tests pass`);
  if (coverage !== null)
    parts.push(`coverage ${percent(coverage.beforePercent)} → ${percent(coverage.afterPercent)}`);
  return parts.length > 0 ? parts.join(", ") : evidence.reason;
};

/** Id, status and why, on one line. */
export const taskLine = (task: Task, { colors }: Output): string =>
  `${task.id}  ${statusText(task.status, colors)}${task.statusReason === "" ? "" : `: ${foreign(task.statusReason)}`}`;

/** Tasks as a table; the id column shows the last eight characters. */
export const taskTable = (tasks: readonly Task[], { colors, columns }: Output): string => {
  const titleColumns = Math.max(20, columns - 70);
  return table(
    ["ID", "TYPE", "PRIORITY", "STATUS", "AGE", "TITLE"].map((text) => colors.dim(text)),
    tasks.map((task) => [
      task.id.slice(-8),
      task.type,
      task.priority,
      statusText(task.status, colors),
      elapsedText(task.createdAt, null),
      oneLine(task.title, titleColumns),
    ]),
  );
};

const resultLines = (result: TaskResult, colors: Colors): [string, string][] => [
  ["outcome", `${result.outcome}${result.failure === null ? "" : ` (${result.failure})`}`],
  ["verification", result.verification ?? "none"],
  ["reason", foreign(result.reason)],
  ["branch", result.branch === null ? "" : colors.bold(result.branch)],
  ["commit", result.commit ?? ""],
  ["base", result.baseCommit ?? ""],
  ["evidence", foreign(evidenceText(result.evidence))],
  ["summary", foreign(result.summary)],
];

/** Everything about one task, a field a line. */
export const taskDetails = (task: Task, { colors }: Output): string => {
  const fields: [string, string][] = [
    ["id", task.id],
    ["title", foreign(task.title)],
    ["type", task.type],
    ["status", statusText(task.status, colors)],
    ["why", foreign(task.statusReason)],
    ["priority", task.priority],
    ["permission", task.permissionLevel],
    ["repository", foreign(task.repositoryUrl)],
    ["base branch", task.branchName ?? "(default)"],
    ["waits for", task.dependsOn.join(", ")],
    ["attempt", `${task.attempt} (the agent ran ${task.runs}×)`],
    ["created", task.createdAt],
    ["took", task.startedAt === null ? "" : elapsedText(task.startedAt, task.completedAt)],
    ...(task.result === null ? [] : resultLines(task.result, colors)),
  ];
  return fields
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${colors.dim(name.padEnd(13))}${value.replaceAll("\n", `\n${" ".repeat(13)}`)}`)
    .join("\n");
};
