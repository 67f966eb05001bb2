import { durationText } from "../output/duration.ts";
import type { Output } from "../output/output.ts";
import { oneLine } from "../output/plain-text.ts";
import { table } from "../output/table.ts";
import type { DemoRequest } from "./demo-report.ts";

const deciderText = ({ request, decidedBy }: DemoRequest): string => {
  const { answer } = request;
  if (answer === null) return request.status;
  const verb = answer.decision === "deny" ? "denied" : answer.decision === "allow" ? "allowed" : "answered";
  switch (answer.source) {
    case "rule":
      return `${verb} by rule ${answer.sourceId ?? answer.by}`;
    case "precedent":
      return `${verb} as ${answer.by} did before`;
    case "person":
      return `${verb} by ${decidedBy ?? answer.by}`;
    default:
      return `${verb} by ${answer.by}`;
  }
};

const restsOn = ({ request }: DemoRequest): string =>
  (request.answer?.citations ?? [])
    .map(({ title, version }) => `"${title}"${version === null ? "" : ` v${version}`}`)
    .join(", ");

/** What agents asked, a request a row, oldest first: who decided it, on what ground, and how long the agent waited. */
export const decisionTable = (requests: readonly DemoRequest[], { colors, columns }: Output): string => {
  const room = Math.max(24, columns - 80);
  return table(
    ["ASKED BY", "KIND", "WHAT", "DECIDED", "CITES", "WAITED"].map((text) => colors.dim(text)),
    requests.map((one) => [
      one.request.taskType,
      one.request.kind,
      oneLine(one.request.approval?.command ?? one.request.question, room),
      oneLine(deciderText(one), 44),
      oneLine(restsOn(one), 32),
      durationText(one.request.waitedMs),
    ]),
  );
};
