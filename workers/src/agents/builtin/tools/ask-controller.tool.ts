import { z } from "zod";
import { answerWords, optionsOf } from "../../answer-words.ts";
import { defineTool, failed, succeeded, type ToolOutcome } from "./tool.ts";

const input = z.object({
  question: z.string().min(1).max(10_000),
  kind: z
    .enum(["clarification", "question"])
    .default("question")
    .describe("clarification: the task is unclear; question: anything else"),
  options: z.array(z.string().min(1).max(500)).max(10).optional().describe("the answers to choose from"),
});

/** What a call gets for a result whose answer is still to come. */
export const waitingText = "Waiting for an answer; the work goes on when it comes.";

/** The turn ends with this call: what it asked for is not answered yet. */
export const pendingOutcome = (requestId: string): ToolOutcome => ({
  ...succeeded(waitingText, "waiting for an answer"),
  pendingRequestId: requestId,
});

/** Asks whoever steers the task. That nobody answered is an answer of its own, never a guess. */
export const askControllerTool = defineTool({
  name: "ask_controller",
  description:
    "Asks those who gave you the task. Only for what you can't find out yourself and what would change the result.",
  input,
  classOf: () => "read",
  summarize: ({ question }) => question.slice(0, 200),
  run: async ({ question, kind, options }, { ask, words }) => {
    const answer = await ask({
      kind,
      text: question,
      reason: words,
      ...(options === undefined ? {} : { options: optionsOf(options) }),
    });
    switch (answer.kind) {
      case "answered":
        return succeeded(answerWords(answer), `answered by ${answer.by}`);
      case "allowed":
        return failed(`${answer.by} allowed something nobody asked to do`);
      case "denied":
        return succeeded(answerWords(answer), "denied");
      case "no_answer":
        return succeeded(answerWords(answer), "no answer");
      case "pending":
        return pendingOutcome(answer.requestId);
    }
  },
});
