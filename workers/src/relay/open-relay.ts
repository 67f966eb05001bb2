import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Relay } from "../agents/agent-driver.ts";
import { processTags, sweepTag } from "../process/sweep-processes.ts";
import { openRelaySocket, type RelaySocketOptions, socketPathBytesMax } from "./relay-socket.ts";

export interface OpenRelayOptions {
  /** Program of the relay. */
  readonly entry: string;
  /** Folder of the execution, for which its own is made; one that is too long for a socket gives way to the system's temporary folder. */
  readonly directory: string;
  readonly handle: RelaySocketOptions["handle"];
}

const socketName = "s";

/**
 * Opens a way for one turn of an agent to the executor: a socket in a private folder, and beside it the configuration by which agents
 * start the relay. There is no token in it: whoever reaches the folder is the agent.
 * @throws when folder or socket can't be made
 */
export const openRelay = async ({ entry, directory, handle }: OpenRelayOptions): Promise<Relay> => {
  // Made anew, with a name nobody knows before: nothing that an agent put there is followed.
  const folder = await mkdtemp(join(shortEnough(directory), "av-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, socketName);
    const server = { command: process.execPath, args: [entry, path], env: { [processTags.relay]: path } };
    const configPath = join(folder, "mcp.json");
    await writeFile(configPath, JSON.stringify({ mcpServers: { agentvine: server } }), { mode: 0o600 });
    const socket = await openRelaySocket({ path, handle });
    return {
      server,
      configPath,
      hasListed: socket.hasListed,
      close: async () => {
        await socket.close();
        // Relays end by themselves when they are told; this is for those that can't hear.
        await sweepTag(`${processTags.relay}=${path}`);
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
};

const shortEnough = (directory: string): string =>
  Buffer.byteLength(join(directory, "av-xxxxxx", socketName)) <= socketPathBytesMax ? directory : tmpdir();
