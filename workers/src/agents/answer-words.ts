import type { RequestOption } from "@agentvine/contracts";

/** Each offered answer with the id by which it is chosen: its place. */
export const optionsOf = (labels: readonly string[]): RequestOption[] =>
  labels.map((label, index) => ({ id: String(index + 1), label, description: "" }));

/** That nobody decided is an answer of its own, and never a guess. */
export const noAnswerText = (reason: string): string =>
  `No answer: ${reason}. Nobody decided this. Take the most careful way that keeps to the task and say in your summary what you assumed; if there is none, stop and say why.`;
