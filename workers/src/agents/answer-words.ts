import type { RequestOption } from "@agentvine/contracts";
import type { Answer } from "./agent-driver.ts";

/** Each offered answer with the id by which it is chosen: its place. */
export const optionsOf = (labels: readonly string[]): RequestOption[] =>
  labels.map((label, index) => ({ id: String(index + 1), label, description: "" }));

/** That nobody decided is an answer of its own, and never a guess. */
const noAnswerText = (reason: string): string =>
  `No answer: ${reason}. Nobody decided this. Take the most careful way that keeps to the task and say in your summary what you assumed; if there is none, stop and say why.`;

/** An answer to a question as the agent's model gets it. */
export const answerWords = (
  answer: Extract<Answer, { kind: "answered" | "denied" | "no_answer" }>,
): string => {
  switch (answer.kind) {
    case "answered":
      return `Answer of ${answer.by}: ${answer.text}`;
    case "denied":
      return `Denied: ${answer.reason}`;
    case "no_answer":
      return noAnswerText(answer.reason);
  }
};
