import { getContextInput, relayTools } from "../../../relay/relay-tools.ts";
import { defineTool, toOutcome } from "./tool.ts";

/** Looks up what the team wrote down. */
export const getContextTool = defineTool({
  ...relayTools.get_context,
  input: getContextInput,
  classOf: () => "read",
  summarize: ({ query, document }) => document ?? (query.slice(0, 200) || "what fits the task"),
  run: async ({ query, document, offset }, { services }) =>
    toOutcome(
      document === undefined
        ? await services.getContext(query)
        : await services.readDocument({ documentId: document, offset }),
    ),
});
