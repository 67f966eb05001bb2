import { z } from "zod";
import { defineTool, succeeded } from "./tool.ts";

const input = z.object({
  question: z.string().min(1).max(10_000),
  kind: z
    .enum(["clarification", "question"])
    .default("question")
    .describe("clarification: the task is unclear; question: anything else"),
  options: z.array(z.string().min(1).max(500)).max(10).optional().describe("the answers to choose from"),
});

/** Asks whoever steers the task. That nobody answered is an answer of its own, never a guess. */
export const askControllerTool = defineTool({
  name: "ask_controller",
  description:
    "Asks those who gave you the task. Only for what you can't find out yourself and what would change the result.",
  input,
  classOf: () => "read",
  summarize: ({ question }) => question.slice(0, 200),
  run: async ({ question, kind, options }, { ask }) => {
    const answer = await ask({ kind, text: question, ...(options === undefined ? {} : { options }) });
    switch (answer.kind) {
      case "answered":
        return succeeded(`Answer of ${answer.by}: ${answer.text}`, `answered by ${answer.by}`);
      case "denied":
        return succeeded(`Denied: ${answer.reason}`, "denied");
      case "no_answer":
        return succeeded(
          `No answer: ${answer.reason}. Nobody decided this. Take the most careful way that keeps to the task and say in your summary what you assumed; if there is none, stop and say why.`,
          "no answer",
        );
    }
  },
});
