import { z } from "zod";
import { defineTool, succeeded } from "./tool.ts";

/** Tells people what the agent is up to. */
export const reportPlanTool = defineTool({
  name: "report_plan",
  description:
    "Tells people your plan, or the changed plan. Do so once before you begin, in a few short steps.",
  input: z.object({ steps: z.array(z.string().min(1).max(500)).min(1).max(30) }),
  classOf: () => "read",
  summarize: ({ steps }) => `${steps.length} steps`,
  run: async ({ steps }, context) => {
    context.onPlan(steps);
    return succeeded("Noted.", `${steps.length} steps`);
  },
});
