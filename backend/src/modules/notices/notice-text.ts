import type { NoticeType } from "@agentvine/contracts";
import type { NoticeSubject } from "./notice.ts";

const headings: Record<NoticeType, string> = {
  "request.waiting": "Waits for your answer",
  "task.in_review": "Waits for your review",
  "task.completed": "Done",
  "task.failed": "Failed",
  "task.blocked": "Blocked",
};

const oneLine = (text: string, max: number): string => {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
};

export interface NoticeText {
  readonly subject: string;
  readonly text: string;
}

/** A notice as plain text. Whatever an agent wrote is quoted as it is: no markup of it is ever rendered. */
export function composeText(type: NoticeType, subject: NoticeSubject, publicUrl: string): NoticeText {
  const lines = [
    `${headings[type]}: ${oneLine(subject.taskTitle, 200)} (${subject.repository})`,
    "",
    ...(subject.detail === "" ? [] : [oneLine(subject.detail, 1_000), ""]),
    ...(subject.command === null ? [] : [`    ${oneLine(subject.command, 500)}`, ""]),
    ...(subject.deadlineAt === null ? [] : [`Until ${subject.deadlineAt.toISOString()}.`]),
    `${publicUrl}${subject.path}`,
  ];
  return {
    subject: `[AgentVine] ${headings[type]}: ${oneLine(subject.taskTitle, 120)}`,
    text: `${lines.join("\n")}\n`,
  };
}

/** `&`, `<` and `>` have a meaning in Slack's own markup: escaped, a title can't call everybody or forge a link. */
const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A notice as the body of an incoming webhook of Slack, Mattermost and others that take the same. */
export function composeSlack(type: NoticeType, subject: NoticeSubject, publicUrl: string): string {
  const { text } = composeText(type, subject, publicUrl);
  const [heading = "", ...rest] = text.trim().split("\n");
  const details = rest.slice(0, -1).join("\n").trim();
  const section = (content: string) => ({
    type: "section",
    text: { type: "plain_text", text: content.slice(0, 3_000) },
  });
  return JSON.stringify({
    text: escapeSlack(heading),
    blocks: [
      section(heading),
      ...(details === "" ? [] : [section(details)]),
      {
        type: "section",
        text: { type: "mrkdwn", text: `<${publicUrl}${subject.path}|Look at it>` },
      },
    ],
  });
}

/** A notice as JSON with all its facts. */
export function composeJson(
  notice: {
    id: string;
    type: NoticeType;
    taskId: string | null;
    workerRequestId: string | null;
    createdAt: Date;
  },
  subject: NoticeSubject,
  publicUrl: string,
): string {
  return JSON.stringify({
    id: notice.id,
    type: notice.type,
    taskId: notice.taskId,
    workerRequestId: notice.workerRequestId,
    taskTitle: subject.taskTitle,
    repository: subject.repository,
    detail: subject.detail,
    command: subject.command,
    deadlineAt: subject.deadlineAt?.toISOString() ?? null,
    url: `${publicUrl}${subject.path}`,
    createdAt: notice.createdAt.toISOString(),
  });
}
