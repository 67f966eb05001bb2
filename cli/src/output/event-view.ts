import { type Event, type Progress, progressSchema } from "@agentvine/contracts";
import type { Output } from "./output.ts";
import { oneLine } from "./plain-text.ts";

type Colors = Output["colors"];

/** One event as a watcher reads it: a word for what happened, and the rest. Undefined: nothing a person needs. */
export interface EventLine {
  readonly word: string;
  readonly detail: string;
  readonly tone: "plain" | "good" | "bad" | "notice" | "quiet";
}

const text = (event: Event, name: string): string => {
  const value = event.data[name];
  return typeof value === "string" ? value : "";
};

const line = (word: string, detail = "", tone: EventLine["tone"] = "plain"): EventLine => ({
  word,
  detail,
  tone,
});

/** Phases that tell a watcher nothing unless they say something. */
const isHousekeeping = ({ phase, detail }: { phase: string; detail: string }): boolean =>
  detail === "" && (phase === "prepare" || phase === "upload" || phase === "cleanup");

const progressLine = (progress: Progress): EventLine | undefined => {
  switch (progress.kind) {
    case "phase":
      return isHousekeeping(progress) ? undefined : line(progress.phase, progress.detail, "quiet");
    case "plan":
      return line("plan", progress.steps.map((step, index) => `${index + 1}. ${step}`).join("  "));
    case "tool":
      return line(`  ${progress.name}`, progress.summary, progress.isError ? "notice" : "quiet");
    case "model":
      return line("model", progress.detail, "notice");
    case "gate":
      return gateLine(progress);
  }
};

const gateLine = ({ evidence }: Extract<Progress, { kind: "gate" }>): EventLine => {
  switch (evidence.verification) {
    case "passed":
      return line("verified", evidence.reason, "good");
    case "failed":
      return line("refused", `gate round ${evidence.round}: ${evidence.reason}`, "bad");
    case "unverified":
      return line("unverified", evidence.reason, "notice");
  }
};

const routeText = (event: Event): string =>
  text(event, "status") === "automated" ? "the controller" : "a person";

/** What a rule settled as it was asked. */
const ruledLine = (event: Event): EventLine => {
  const detail = `by rule ${text(event, "ruleId")}: ${text(event, "headline")}`;
  return text(event, "decision") === "allow"
    ? line("allowed", detail, "good")
    : line("denied", detail, "notice");
};

const deciderText = (event: Event): string => `by ${text(event, "by")} (${text(event, "source")})`;

/** What a watcher of tasks sees of an event. Work order events repeat what the task's say, so only losses and retries show. */
export const eventLine = (event: Event): EventLine | undefined => {
  switch (event.type) {
    case "execution.progressed": {
      const progress = progressSchema.safeParse(event.data);
      return progress.success ? progressLine(progress.data) : undefined;
    }
    case "task.created":
      return line("created", text(event, "title"), "quiet");
    case "task.queued":
    case "task.requeued":
    case "task.unblocked":
      return line("queued", text(event, "reason"));
    case "task.claimed":
      return line(
        "claimed",
        `attempt ${event.attempt ?? "?"} by ${text(event, "worker") || event.workerId || "a worker"}`,
      );
    case "task.blocked":
      return line("blocked", text(event, "reason"), "notice");
    case "task.waiting":
      return line("waiting", text(event, "reason"), "notice");
    case "task.submitted":
      return line("in review", text(event, "reason"), "notice");
    case "task.approved":
      return line("approved", text(event, "comment"), "good");
    case "task.rejected":
      return line("sent back", text(event, "comment"), "notice");
    case "task.completed":
      return line("completed", text(event, "branch") || text(event, "reason"), "good");
    case "task.failed":
      return line("failed", text(event, "reason"), "bad");
    case "task.cancelled":
      return line("cancelled", text(event, "reason"), "bad");
    case "worker_request.raised":
      return text(event, "source") === "rule" ? ruledLine(event) : undefined;
    case "worker_request.routed":
      return line("asks", `${text(event, "kind")} → ${routeText(event)}: ${text(event, "reason")}`, "notice");
    case "worker_request.escalated":
      return line("asks", `→ ${text(event, "to")}, as nobody answered in time`, "notice");
    case "worker_request.answered":
      return line(text(event, "decision") === "allow" ? "allowed" : "answered", deciderText(event), "good");
    case "worker_request.denied":
      return line("denied", `${deciderText(event)} ${text(event, "reason")}`.trim(), "notice");
    case "worker_request.unanswered":
      return line("no answer", text(event, "reason"), "notice");
    case "work_order.lease_lost":
      return line(
        "lease lost",
        text(event, "reason") || "its worker went silent; the order goes back to the queue",
        "bad",
      );
    case "work_order.retried":
      return line("retry", text(event, "reason"), "notice");
    case "work_order.released":
      return line("released", text(event, "reason"), "notice");
    case "work_order.buried":
      return line("given up", text(event, "reason"), "bad");
    default:
      return undefined;
  }
};

const paint: Record<EventLine["tone"], (colors: Colors, value: string) => string> = {
  plain: (colors, value) => colors.bold(value),
  good: (colors, value) => colors.green(value),
  bad: (colors, value) => colors.red(value),
  notice: (colors, value) => colors.yellow(value),
  quiet: (colors, value) => colors.dim(value),
};

/** The line as text: `12.3s  label  word  detail`, cut to the terminal's width. */
export const eventText = (
  { word, detail, tone }: EventLine,
  { label, seconds, output }: { label: string; seconds: number; output: Output },
): string => {
  const { colors, columns, isInteractive } = output;
  const time = `${seconds.toFixed(1)}s`.padStart(7);
  const head = `${time}  ${label.padEnd(8)} ${word.padEnd(12)} `;
  // A pipe keeps the whole reason; a terminal one line, except for what went wrong.
  const room = isInteractive && tone !== "bad" ? Math.max(20, columns - head.length) : 2_000;
  return `${colors.dim(time)}  ${colors.cyan(label.padEnd(8))} ${paint[tone](colors, word.padEnd(12))} ${oneLine(detail, room)}`.trimEnd();
};
