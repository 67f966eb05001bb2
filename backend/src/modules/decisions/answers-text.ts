import type { Approval, RequestOption, WorkerRequestStatus } from "@agentvine/contracts";

/** What was asked and decided, as far as the agent is told. */
interface Decided {
  readonly id: string;
  readonly status: WorkerRequestStatus;
  readonly question: string;
  readonly options: readonly RequestOption[];
  readonly approval: Approval | null;
  readonly decision: "allow" | "deny" | null;
  readonly choice: string | null;
  readonly answerText: string;
  readonly answerReason: string;
  readonly answeredBy: string;
  readonly editedCommand: string | null;
}

const callOf = ({ approval, editedCommand }: Decided): string =>
  editedCommand ??
  approval?.command ??
  `${approval?.tool ?? "the call"} ${approval?.paths.join(" ") ?? ""}`.trim();

function approvalText(row: Decided): string {
  const because = row.answerReason === "" ? "" : ` (${row.answerReason})`;
  if (row.approval?.subject === "plan")
    return row.decision === "allow" ? `The plan is approved${because}.` : `The plan is refused${because}.`;
  if (row.decision !== "allow")
    return `Denied: ${callOf(row)}${because}. Find another way or go on without it.`;
  const changed = row.editedCommand === null ? "" : " in a changed form: run exactly this";
  return `Allowed, once${changed}: ${callOf(row)}${because}. Make this very call again; it is not asked about a second time.`;
}

function oneAnswer(row: Decided): string {
  switch (row.status) {
    case "answered":
      if (row.approval !== null) return approvalText(row);
      return [
        `Answer of ${row.answeredBy} to "${row.question}":`,
        row.options.find(({ id }) => id === row.choice)?.label ?? "",
        row.answerText,
        row.answerReason === "" ? "" : `(${row.answerReason})`,
      ]
        .filter((text) => text !== "")
        .join(" ");
    case "denied":
      return row.approval === null
        ? `"${row.question}" was turned down: ${row.answerReason}`
        : approvalText(row);
    case "cancelled":
    case "superseded":
      return "";
    default:
      return `Nobody answered "${row.question}" (${row.answerReason}). Nobody decided this: take the most careful way that keeps to the task and say what you assumed; if there is none, stop and say why.`;
  }
}

/** What was decided while the agent was away, as its next prompt; empty when there is nothing to tell. */
export function composeAnswers(rows: readonly Decided[]): string {
  const answers = rows.map((row) => ({ id: row.id, text: oneAnswer(row) })).filter(({ text }) => text !== "");
  // The id keeps two equal answers apart: an execution that was told one must not take the next for the same.
  return answers.map(({ id, text }) => `[${id.slice(-8)}] ${text}`).join("\n\n");
}

/** What was said: the option chosen, the line to run instead, the words; empty when nothing was. */
export function saidText({ options, choice, editedCommand, answerText }: Decided): string {
  const chosen = options.find(({ id }) => id === choice)?.label ?? "";
  return [chosen, editedCommand ?? "", answerText].filter((text) => text !== "").join(": ");
}

/** What became of a request, as its conversation shows it. */
export function outcomeText(row: Decided): string {
  const said = saidText(row);
  const because =
    row.answerReason === "" || row.answerReason === row.answerText ? "" : ` (${row.answerReason})`;
  const verb = row.decision === "allow" ? "Allowed" : outcomes[row.status];
  return `${verb} by ${row.answeredBy}${said === "" ? "" : `: ${said}`}${because}`;
}

const outcomes: Record<WorkerRequestStatus, string> = {
  pending: "Raised",
  automated: "Given to a model",
  human: "Given to people",
  answered: "Answered",
  denied: "Denied",
  no_answer: "Not answered, decided",
  expired: "Expired, decided",
  cancelled: "Cancelled",
  superseded: "Overtaken, decided",
};
