import type { AgentMessage, RepliedTo } from "@agentvine/contracts";
import type { Heard } from "../agents/agent-driver.ts";
import { quoted } from "../specialized/prompt.ts";

/** What is needed of a message to tell an agent of it. */
export type ToldMessage = Pick<
  AgentMessage,
  "position" | "content" | "senderName" | "replyTo" | "attachments"
>;
type Attached = ToldMessage["attachments"][number];

/** A message in the words in which the agent gets it, with what it replies to and what came with it. */
export const heardOf = ({ position, content, senderName, replyTo, attachments }: ToldMessage): Heard => {
  const reply = replyTo === null ? [] : [replyWords(replyTo)];
  const list = attachments.length === 0 ? [] : [`Attached:\n${attachments.map(attachedWords).join("\n")}`];
  return {
    position,
    from: senderName === "" ? "somebody" : senderName,
    text: [...reply, content, ...list].join("\n\n"),
    files: attachments.flatMap(({ name, text }) =>
      text === null ? [] : [quoted(`attachment ${name}`, text)],
    ),
  };
};

const replyWords = ({ senderKind, senderName, excerpt }: RepliedTo): string => {
  if (excerpt === "") return "(in reply to a message that was taken back)";
  const who = {
    person: senderName === "" ? "somebody" : senderName,
    agent: "you",
    controller: "the controller",
    system: "the system",
  }[senderKind];
  return `(in reply to what ${who} wrote, which begins: ${JSON.stringify(excerpt)})`;
};

const attachedWords = ({ name, contentType, sizeBytes, text }: Attached): string =>
  `- ${JSON.stringify(name)}, ${contentType}, ${sizeBytes} bytes; ${shownWords(sizeBytes, text)}`;

const shownWords = (sizeBytes: number, text: string | null): string => {
  if (text === null) return "you can't see what is in it";
  const shownBytes = Buffer.byteLength(text);
  return shownBytes < sizeBytes ? `its first ${shownBytes} bytes are below` : "its text is below";
};
