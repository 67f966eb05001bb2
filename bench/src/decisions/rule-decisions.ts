import type { PolicyDetail } from "@agentvine/contracts";
import { type BenchBackend, startBenchBackend } from "../backend-process.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { type LoadOptions, runLoad } from "../load.ts";
import {
  type Asked,
  type BenchAgent,
  callOfCommand,
  callOfReading,
  commandRule,
  longLeases,
  startAgents,
} from "./agents.ts";
import { startBareDecisions } from "./bare-decisions.ts";
import { type Compared, speedOf } from "./compared.ts";

async function decideByRule(agent: BenchAgent | undefined, asked: Asked): Promise<void> {
  const request = await agent?.raise(asked);
  if (request?.status !== "answered") throw new Error(`a rule should have settled it: ${request?.status}`);
}

/** Puts the rule about a command line in front of those that are active. */
async function allowCommands(http: HttpClient): Promise<void> {
  const { yaml, version } = await http.send<PolicyDetail>("GET", "/api/v1/policies/active");
  const body = { yaml: yaml.replace("rules:\n", `rules:${commandRule}`), basedOnVersion: version };
  await http.send("POST", "/api/v1/policies", { body });
}

/** What is asked, and what has to be done before. */
const kinds = [
  { name: "rule-only decision", call: callOfReading, prepare: async () => {} },
  { name: "rule-only decision of a command line", call: callOfCommand, prepare: allowCommands },
] as const;

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
    for (const { name, call, prepare } of kinds) {
      await prepare(http);
      for (const concurrency of callerCounts) {
        const options = { ...load, concurrency };
        measured.push({
          name: `${name}, ${concurrency} at a time`,
          baseline: "bare insert and reply",
          own: speedOf(await runLoad(options, (caller) => decideByRule(agents[caller], call()))),
          bare: speedOf(await runLoad(options, () => bare.raise(call()))),
        });
      }
    }
    return measured;
  } finally {
    http.close();
    await bare.stop();
    await backend.stop();
  }
}
