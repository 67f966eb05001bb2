import { createSubtaskInput, relayTools } from "../../../relay/relay-tools.ts";
import { defineTool, toOutcome } from "./tool.ts";

/** Proposes work that was found beside the task. */
export const createSubtaskTool = defineTool({
  ...relayTools.create_subtask,
  input: createSubtaskInput,
  classOf: () => "read",
  summarize: ({ title }) => title.slice(0, 200),
  run: async (fields, { services }) => toOutcome(await services.createSubtask(fields)),
});
