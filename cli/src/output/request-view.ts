import type { WorkerRequest } from "@agentvine/contracts";
import { durationText } from "./duration.ts";
import { foreign, type Output } from "./output.ts";
import { oneLine } from "./plain-text.ts";
import { table } from "./table.ts";

type Colors = Output["colors"];

/** What is asked, in a few words: the exact command where there is one. */
const askedText = ({ approval, question }: WorkerRequest, columns: number): string => {
  if (approval === null) return oneLine(question, columns);
  if (approval.subject === "plan") return oneLine(`plan: ${approval.steps.join("; ")}`, columns);
  const what = approval.command ?? approval.paths.join(" ");
  return oneLine(`${approval.tool}: ${what === "" ? question : what}`, columns);
};

const statusText = (request: WorkerRequest, colors: Colors): string => {
  switch (request.status) {
    case "answered":
      return colors.green(request.answer?.decision === "allow" ? "allowed" : "answered");
    case "denied":
    case "no_answer":
    case "expired":
      return colors.red(request.status);
    case "automated":
      return colors.yellow("with the controller");
    case "human":
    case "pending":
      return colors.yellow(request.status);
    case "cancelled":
    case "superseded":
      return colors.dim(request.status);
  }
};

/** Requests as a table; the id column shows the last eight characters. */
export const requestTable = (requests: readonly WorkerRequest[], { colors, columns }: Output): string => {
  const room = Math.max(24, columns - 81);
  return table(
    ["ID", "KIND", "STATUS", "WAITS", "ALIKE", "TASK", "ASKS"].map((text) => colors.dim(text)),
    requests.map((request) => [
      request.id.slice(-8),
      request.kind,
      statusText(request, colors),
      durationText(request.waitedMs),
      request.alikeCount === 0 ? "" : `+${request.alikeCount}`,
      oneLine(request.taskTitle, 24),
      askedText(request, room),
    ]),
  );
};

/** How it was settled and by whom, in one line. */
export const answerText = (request: WorkerRequest, { colors }: Output): string => {
  const { answer, options } = request;
  const status = statusText(request, colors);
  if (answer === null) return status;
  const choice = options.find(({ id }) => id === answer.choice)?.label ?? answer.choice ?? "";
  const said = [choice, answer.editedCommand ?? "", answer.text].filter((text) => text !== "").join(": ");
  const why = answer.reason === "" ? "" : ` (${foreign(answer.reason)})`;
  return `${status} by ${foreign(answer.by)}${said === "" ? "" : `: ${foreign(said)}`}${why}`;
};

const approvalLines = ({ approval }: WorkerRequest): [string, string][] =>
  approval === null
    ? []
    : [
        ["tool", `${approval.tool} (${approval.toolClass.replaceAll("_", " ")})`],
        ["command", foreign(approval.command ?? "")],
        ["paths", foreign(approval.paths.join("\n"))],
        ["plan", foreign(approval.steps.map((step, index) => `${index + 1}. ${step}`).join("\n"))],
        ["change", foreign(approval.diff ?? "")],
      ];

const citationLines = ({ answer }: WorkerRequest): string =>
  (answer?.citations ?? [])
    .map(({ kind, title, version, quote }) => {
      const of = version === null ? kind : `${kind}, version ${version}`;
      return foreign(`${title} (${of})${quote === "" ? "" : `: "${quote}"`}`);
    })
    .join("\n");

const waitedText = ({ waitedMs, waitedForPeopleMs }: WorkerRequest): string => {
  const isPeoplesAlone = waitedMs - waitedForPeopleMs < 1_000 || waitedForPeopleMs === 0;
  const ofIt = isPeoplesAlone ? "" : `, ${durationText(waitedForPeopleMs)} of it for people`;
  return `${durationText(waitedMs)}${ofIt}`;
};

/** Everything about one request, a field a line. */
export const requestDetails = (request: WorkerRequest, output: Output): string => {
  const { colors } = output;
  const fields: [string, string][] = [
    ["id", request.id],
    ["kind", request.kind],
    ["status", request.answer === null ? statusText(request, colors) : answerText(request, output)],
    ["task", `${foreign(request.taskTitle)} (${request.taskId})`],
    ["repository", foreign(request.repositoryUrl)],
    ["asked by", `${foreign(request.workerName)}, attempt ${request.attempt}`],
    ["asks", foreign(request.question)],
    ["because", foreign(request.reason)],
    ...approvalLines(request),
    [
      "options",
      foreign(request.options.map(({ id, label }, index) => `${index + 1}. ${label} (${id})`).join("\n")),
    ],
    ["routed by", `rule ${request.ruleId}, policy ${request.policyVersion}: ${foreign(request.routeReason)}`],
    ["until", request.answer === null ? (request.deadlineAt ?? "") : ""],
    ["then", request.answer === null && request.deadlineAt !== null ? request.onTimeout : ""],
    ["waited", waitedText(request)],
    ["alike", request.alikeCount === 0 ? "" : `${request.alikeCount} more ask the same: answer with --alike`],
    ["rests on", citationLines(request)],
  ];
  return fields
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${colors.dim(name.padEnd(13))}${value.replaceAll("\n", `\n${" ".repeat(13)}`)}`)
    .join("\n");
};
