import { startBenchBackend } from "../backend-process.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient } from "../http-client.ts";
import { type LoadOptions, runLoad } from "../load.ts";
import { longLeases, questionForPeople, startAgents } from "./agents.ts";
import { startBareDecisions } from "./bare-decisions.ts";
import { type Compared, type Latency, speedOf } from "./compared.ts";
import { fillInbox, type InboxSize } from "./fill-inbox.ts";

const path = "/api/v1/worker-requests";
const lists: Readonly<Record<string, string>> = {
  "inbox list": "?isLive=true&order=asc",
  "inbox list, 100 a page": "?isLive=true&order=asc&pageSize=100",
  "inbox list by priority": "?isLive=true&sort=priority",
  "inbox list, mine": "?isLive=true&assignedTo=me",
  "inbox list, the last page": "?isLive=true&order=asc&page=50",
};

/** Pages of the inbox over so many requests, beside a bare route that sends the same JSON. */
export async function measureInbox(
  cluster: Cluster,
  size: InboxSize,
  load: Omit<LoadOptions, "concurrency">,
  callerCounts: readonly number[],
): Promise<Compared[]> {
  const databaseUrl = await cluster.createMigrated();
  const backend = await startBenchBackend(databaseUrl, longLeases);
  const http = createHttpClient(backend.url, backend.token);
  try {
    const [agent] = await startAgents(http, backend, 1);
    const request = await agent?.raise(questionForPeople());
    if (request === undefined) throw new Error("nobody asks");
    await fillInbox(databaseUrl, http, request, size);
    const measured: Compared[] = [];
    for (const [name, query] of Object.entries(lists)) {
      const list = await http.send<object>("GET", path + query);
      const bare = await startBareDecisions(await cluster.createEmpty(), list);
      const ask = async (client: typeof http, concurrency: number): Promise<Latency> =>
        speedOf(
          await runLoad({ ...load, concurrency }, () =>
            client.send("GET", path + query, { isDiscarded: true }),
          ),
        );
      for (const callers of callerCounts) {
        measured.push({
          name: `${name}, ${callers} at a time`,
          own: await ask(http, callers),
          baseline: "bare route that sends the same JSON",
          bare: await ask(bare.http, callers),
        });
      }
      await bare.stop();
    }
    return measured;
  } finally {
    http.close();
    await backend.stop();
  }
}
