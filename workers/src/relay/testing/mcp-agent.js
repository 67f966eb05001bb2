// An agent for tests, with the official client: makes the calls of its first argument, a list of [tool, input], one after the other, comes
// back with the tickets it gets, and prints each result as a line. The word MEGABYTE stands for one, which no command line can hold.
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const { mcpServers } = JSON.parse(readFileSync(process.env.AGENTVINE_MCP_CONFIG, "utf8"));
const client = new Client({ name: "agent", version: "1" });
await client.connect(new StdioClientTransport({ ...mcpServers.agentvine, stderr: "inherit" }));
await client.listTools();
const calls = (process.argv[2] ?? "[]").replaceAll("MEGABYTE", "x".repeat(1_000_000));
for (const [name, input] of JSON.parse(calls)) {
  let result = await client.callTool({ name, arguments: input });
  let steps = 1;
  for (; result.structuredContent?.pending === true && !result.structuredContent.endTurn; steps += 1) {
    result = await client.callTool({ name, arguments: { ticket: result.structuredContent.ticket } });
  }
  const [{ text }] = result.content;
  process.stdout.write(
    `${JSON.stringify({ name, steps, isError: result.isError, text, data: result.structuredContent })}\n`,
  );
}
await client.close();
