import type { WorkerRequest } from "@agentvine/contracts";
import { startBenchBackend } from "../backend-process.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient } from "../http-client.ts";
import { longLeases, questionForPeople, startAgents } from "./agents.ts";
import { bareAgent, startBareDecisions } from "./bare-decisions.ts";
import { type Compared, latencyOf } from "./compared.ts";

/** An agent that asks people, and the person who answers it. */
interface Conversation<T extends { id: string }> {
  ask(): Promise<T>;
  /** Held back until somebody answers. */
  wait(id: string): Promise<unknown>;
  answer(asked: T): Promise<unknown>;
}

/**
 * All agents wait; one after the other is answered and asks anew. Returns from the answer sent to the answer received by the waiting
 * agent, in milliseconds.
 */
async function answerInTurn<T extends { id: string }>(
  conversations: readonly Conversation<T>[],
  { warmUpRounds, rounds }: { warmUpRounds: number; rounds: number },
): Promise<number[]> {
  const waitFor = async (one: Conversation<T>) => {
    const asked = await one.ask();
    return { asked, received: one.wait(asked.id).then(() => performance.now()) };
  };
  const waiting = await Promise.all(conversations.map(waitFor));
  const latenciesMs: number[] = [];
  for (let round = 0; round < warmUpRounds + rounds; round += 1) {
    const turn = round % conversations.length;
    const [one, open] = [conversations[turn], waiting[turn]];
    if (one === undefined || open === undefined) throw new Error("nobody waits");
    const sentMs = performance.now();
    const [receivedMs] = await Promise.all([open.received, one.answer(open.asked)]);
    if (round >= warmUpRounds) latenciesMs.push(receivedMs - sentMs);
    waiting[turn] = await waitFor(one);
  }
  await Promise.all(
    waiting.map(({ asked, received }, turn) => Promise.all([received, conversations[turn]?.answer(asked)])),
  );
  return latenciesMs;
}

/** From a person's answer to the agent that waits for it in a long poll, beside a bare update that wakes who waits. */
export async function measureAnswers(
  cluster: Cluster,
  { agents: count, rounds }: { agents: number; rounds: number },
): Promise<Compared> {
  const turns = { warmUpRounds: Math.ceil(rounds / 4), rounds };
  const backend = await startBenchBackend(await cluster.createMigrated(), longLeases);
  const bare = await startBareDecisions(await cluster.createEmpty());
  const http = createHttpClient(backend.url, backend.token);
  const body = { text: "The lower one.", choice: "lower" };
  try {
    const agents = await startAgents(http, backend, count);
    const own = await answerInTurn<WorkerRequest>(
      agents.map((agent) => ({
        ask: () => agent.raise(questionForPeople()),
        wait: async (id) => {
          const { status } = await agent.wait(id);
          if (status !== "answered") throw new Error(`an agent was told that its request is ${status}`);
        },
        answer: ({ id, generation }) =>
          http.send("POST", `/api/v1/worker-requests/${id}/answer`, { body: { ...body, generation } }),
      })),
      turns,
    );
    const bareMs = await answerInTurn(
      Array.from({ length: count }, () => ({
        ...bareAgent(bare),
        answer: ({ id }) => bare.http.send("POST", `/api/v1/worker-requests/${id}/answer`, { body }),
      })),
      turns,
    );
    return {
      name: `person's answer to the agent, ${count} agents wait`,
      own: latencyOf(own),
      baseline: "bare update that wakes who waits",
      bare: latencyOf(bareMs),
    };
  } finally {
    http.close();
    await bare.stop();
    await backend.stop();
  }
}
