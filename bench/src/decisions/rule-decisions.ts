import { type BenchBackend, startBenchBackend } from "../backend-process.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient } from "../http-client.ts";
import { type LoadOptions, runLoad } from "../load.ts";
import { type BenchAgent, callOfReading, longLeases, startAgents } from "./agents.ts";
import { startBareDecisions } from "./bare-decisions.ts";
import { type Compared, speedOf } from "./compared.ts";

async function decideByRule(agent: BenchAgent | undefined): Promise<void> {
  const request = await agent?.raise(callOfReading());
  if (request?.status !== "answered") throw new Error(`a rule should have settled it: ${request?.status}`);
}

/**
 * Agents ask for what a rule allows: from the raise sent to the answer received, beside a bare insert and reply on the same route.
 * For each number of agents that ask at the same time both are measured right after each other.
 */
export async function measureRuleDecisions(
  cluster: Cluster,
  load: Omit<LoadOptions, "concurrency">,
  callerCounts: readonly number[],
): Promise<Compared[]> {
  const backend: BenchBackend = await startBenchBackend(await cluster.createMigrated(), longLeases);
  const bare = await startBareDecisions(await cluster.createEmpty());
  const http = createHttpClient(backend.url, backend.token);
  try {
    const agents = await startAgents(http, backend, Math.max(...callerCounts));
    const measured: Compared[] = [];
    for (const concurrency of callerCounts) {
      const options = { ...load, concurrency };
      measured.push({
        name: `rule-only decision, ${concurrency} at a time`,
        baseline: "bare insert and reply",
        own: speedOf(await runLoad(options, (caller) => decideByRule(agents[caller]))),
        bare: speedOf(await runLoad(options, () => bare.raise(callOfReading()))),
      });
    }
    return measured;
  } finally {
    http.close();
    await bare.stop();
    await backend.stop();
  }
}
