import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { ExecutorLink } from "./relay/program/executor-link.ts";
import { createMcpServer } from "./relay/program/mcp-server.ts";

// Started by agents: `node relay-main.js <path of the executor's socket>`. It gets no token and needs none.
const [, , socketPath] = process.argv;
if (socketPath === undefined) {
  process.stderr.write("usage: relay-main.js <path of the executor's socket>\n");
  process.exit(2);
}
const end = (): never => process.exit(0);
const server = createMcpServer(new ExecutorLink(socketPath, end));
// Answers on their way get a moment to leave.
process.stdin.once("end", () => setTimeout(end, 100));
// Whoever started us is gone.
process.stdout.once("error", end);
await server.connect(new StdioServerTransport());
