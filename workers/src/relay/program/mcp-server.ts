import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { declarationOf, relayTools } from "../relay-tools.ts";
import type { ExecutorLink } from "./executor-link.ts";

const tools = Object.values(relayTools).map(declarationOf);

/**
 * The MCP server that an agent starts. It answers `initialize` and `tools/list` by itself, at once, and hands every call on as it came:
 * whoever judges the input is the executor, which has to anyway.
 */
export const createMcpServer = (link: Pick<ExecutorLink, "call" | "tell">): Server => {
  const server = new Server(
    { name: "agentvine", version: "1" },
    {
      capabilities: { tools: {} },
      instructions:
        "The way to those who gave you the task: ask them, look up their documents, tell them how far you are, propose further tasks.",
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => {
    void link.tell({ type: "listed" });
    return { tools };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const { isError, text, data } = await link.call(
      { tool: params.name, arguments: params.arguments ?? {} },
      signal,
    );
    return {
      content: [{ type: "text", text }],
      isError,
      ...(data === null ? {} : { structuredContent: data }),
    };
  });
  return server;
};
