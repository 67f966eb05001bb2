import { isLiveRequestStatus, type WorkerRequest } from "@agentvine/contracts";
import type { Answer } from "../../agents/agent-driver.ts";

export const isLive = ({ status }: Pick<WorkerRequest, "status">): boolean => isLiveRequestStatus(status);

/** What the agent is told of a request as it stands. Anything but a plain allowance allows nothing. */
export const answerOf = (request: WorkerRequest): Answer => {
  const { id, status, kind, options, answer } = request;
  if (isLive(request)) return { kind: "pending", requestId: id };
  const reason = answer?.reason || answer?.text || "no reason was given";
  const by = answer?.by ?? "the system";
  if (status === "denied") return { kind: "denied", reason };
  if (status !== "answered" || answer === null) {
    return { kind: "no_answer", reason: status === "no_answer" || status === "expired" ? reason : status };
  }
  if (kind === "approval") {
    return answer.decision === "allow"
      ? {
          kind: "allowed",
          requestId: id,
          by,
          editedCommand: answer.editedCommand,
          isSpent: answer.source === "rule" && request.spentAt !== null,
        }
      : { kind: "denied", reason };
  }
  const choice = options.find((option) => option.id === answer.choice);
  const comment = answer.reason === "" ? "" : `(${answer.reason})`;
  const text = [choice?.label ?? "", answer.text, comment].filter((part) => part !== "").join(" ");
  return { kind: "answered", text, by };
};

const askedFor = ({ question, approval }: WorkerRequest): string => approval?.command ?? question;

const lineOf = (request: WorkerRequest): string => {
  const answer = answerOf(request);
  switch (answer.kind) {
    case "answered":
      return `Answer of ${answer.by} to "${request.question}": ${answer.text}`;
    case "allowed":
      if (request.approval?.subject === "plan") return "The plan is approved.";
      return `Allowed, once: ${answer.editedCommand ?? askedFor(request)}. Make this very call again.`;
    case "denied":
      return `Denied: ${askedFor(request)} (${answer.reason}). Find another way or go on without it.`;
    case "no_answer":
      return `Nobody answered "${request.question}" (${answer.reason}). Nobody decided this: take the most careful way that keeps to the task.`;
    case "pending":
      return `"${request.question}" is not answered yet.`;
  }
};

/** What was decided, as the agent's next prompt. */
export const answersText = (requests: readonly WorkerRequest[]): string => requests.map(lineOf).join("\n\n");
