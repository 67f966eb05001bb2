import { relayTools, reportProgressInput } from "../../../relay/relay-tools.ts";
import { defineTool, toOutcome } from "./tool.ts";

/** Tells people how far the agent is. */
export const reportProgressTool = defineTool({
  ...relayTools.report_progress,
  input: reportProgressInput,
  classOf: () => "read",
  summarize: ({ message }) => message.slice(0, 200),
  run: async (report, { services }) => toOutcome(await services.reportProgress(report)),
});
