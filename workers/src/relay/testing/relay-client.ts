import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { onTestFinished } from "vitest";
import { type ToRelay, toRelaySchema } from "../relay-protocol.ts";

/** The built program. */
export const builtRelay = fileURLToPath(new URL("../../../dist/relay-main.js", import.meta.url));
/** The agent of `mcp-agent.js`. */
export const mcpAgent = fileURLToPath(new URL("mcp-agent.js", import.meta.url));

export interface ToolResult {
  readonly isError: boolean;
  readonly text: string;
  readonly data: Record<string, unknown> | undefined;
}

/** The official client with a relay in a process of its own, on the socket. */
export const startRelay = async (
  socketPath: string,
  env: Record<string, string> = {},
): Promise<{
  client: Client;
  pid: number;
  closed: Promise<void>;
  call: (name: string, input?: Record<string, unknown>) => Promise<ToolResult>;
}> => {
  const transport = new StdioClientTransport({
    ...{ command: process.execPath, args: [builtRelay, socketPath], env, stderr: "inherit" },
  });
  const client = new Client({ name: "test", version: "1" });
  const closed = new Promise<void>((resolve) => {
    client.onclose = resolve;
  });
  onTestFinished(() => client.close());
  await client.connect(transport);
  return {
    client,
    closed,
    pid: transport.pid ?? 0,
    call: async (name, input = {}) => {
      const result = await client.callTool({ name, arguments: input });
      const content = result.content as { text: string }[];
      return {
        isError: result.isError === true,
        text: content.map(({ text }) => text).join("\n"),
        data: result.structuredContent as Record<string, unknown> | undefined,
      };
    },
  };
};

/** A connection that says what it likes. */
export const rawConnection = async (path: string): Promise<{ socket: Socket; heard: ToRelay[] }> => {
  const socket = createConnection(path);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, "connect");
  const heard: ToRelay[] = [];
  const lines = createInterface({ input: socket });
  lines.on("line", (line) => heard.push(toRelaySchema.parse(JSON.parse(line))));
  for (const source of [socket, lines]) source.on("error", () => undefined);
  return { socket, heard };
};
