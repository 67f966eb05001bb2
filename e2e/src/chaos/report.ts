import type { Violation } from "./checker/index.ts";
import type { History } from "./history.ts";
import type { LoadCounts } from "./load.ts";
import type { FaultKind } from "./schedule.ts";

/** One thing that was done to the system. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly kind: string;
  readonly detail: string;
  readonly tookMs: number;
}

export interface RunReport {
  readonly seed: number;
  readonly isGood: boolean;
  /** Why it went wrong before there was anything to judge; null when the checker could judge. */
  readonly fault: string | null;
  readonly violations: readonly Violation[];
  readonly didNotRun: Readonly<Partial<Record<FaultKind, string>>>;
  readonly timeline: readonly TimelineEntry[];
  readonly load: LoadCounts;
  readonly facts: Readonly<Record<string, number>>;
  readonly tookMs: number;
  readonly repeatWith: string;
}

const countOf = (history: History, type: string): number =>
  history.events.filter((event) => event.type === type).length;

/** Figures that show that the run did what it is for. */
export function factsOf(history: History): Record<string, number> {
  const { tasks, journal, branches, executions, events, requests } = history;
  const ended = (status: string): number => tasks.filter((task) => task.status === status).length;
  const refused = (call: string): number =>
    journal.filter((entry) => entry.phase === "refused" && entry.call === call).length;
  return {
    tasks: tasks.length,
    completed: ended("completed"),
    failed: ended("failed"),
    "failed as worker_lost": tasks.filter(
      ({ status, statusReason }) => status === "failed" && statusReason.startsWith("worker_lost"),
    ).length,
    cancelled: ended("cancelled"),
    attempts: executions.length,
    "leases lost": countOf(history, "work_order.lease_lost"),
    parked: countOf(history, "work_order.parked"),
    released: countOf(history, "work_order.released"),
    retried: countOf(history, "work_order.retried"),
    "late completions refused": refused("complete"),
    "requests raised": requests.length,
    "requests adopted by a later attempt": countOf(history, "worker_request.adopted"),
    "requests settled by an earlier answer": requests.filter(
      ({ answerSource }) => answerSource === "precedent",
    ).length,
    "requests answered by the model": requests.filter(({ answerSource }) => answerSource === "controller")
      .length,
    "leave used": countOf(history, "worker_request.spent"),
    "uses of leave refused": refused("spend"),
    "late answers refused": refused("answer"),
    "branches pushed": branches.length,
    events: events.length,
    "journal entries": journal.length,
  };
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** The report for a person. */
export function describeReport(report: RunReport): string {
  const { violations, facts, load, timeline, didNotRun, fault } = report;
  const lines = [
    "",
    `timeline of faults, seed ${report.seed}:`,
    ...timeline.map(
      ({ atMs, kind, detail, tookMs }) =>
        `  ${seconds(atMs).padStart(7)}  ${kind}${detail === "" ? "" : `: ${detail}`} (${seconds(tookMs)})`,
    ),
    ...Object.entries(didNotRun).map(([kind, why]) => `  DID NOT RUN: ${kind}: ${why}`),
    "",
    ...Object.entries(facts).map(([name, count]) => `  ${String(count).padStart(6)}  ${name}`),
    ...Object.entries(load).map(([name, count]) => `  ${String(count).padStart(6)}  ${name} by people`),
    "",
  ];
  if (fault !== null) lines.push(`FAILED: ${fault}`);
  for (const rule of new Set(violations.map((violation) => violation.rule))) {
    const found = violations.filter((violation) => violation.rule === rule);
    lines.push(`VIOLATED, ${rule}: ${found.length} times`);
    for (const { taskId, message } of found.slice(0, 8)) lines.push(`  task ${taskId ?? "none"}: ${message}`);
  }
  lines.push(
    report.isGood
      ? `seed ${report.seed}: every promise kept, in ${seconds(report.tookMs)}`
      : `seed ${report.seed}: FAILED after ${seconds(report.tookMs)}; repeat with: ${report.repeatWith}`,
  );
  return `${lines.join("\n")}\n`;
}
