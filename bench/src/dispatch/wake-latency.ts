import type { Task } from "@agentvine/contracts";
import { startBenchBackend } from "../backend-process.ts";
import { createHttpClient } from "../http-client.ts";
import { openArtifactRows } from "./artifact-row.ts";
import { claim, registerRepository, registerWorker } from "./http-lives.ts";
import { resultBody, taskBody } from "./life.ts";

/** From the moment an order is sent until an idle worker has received it, in milliseconds, one after the other. */
export async function measureWakes(databaseUrl: string, rounds: number): Promise<number[]> {
  const backend = await startBenchBackend(databaseUrl);
  const http = createHttpClient(backend.url, backend.token);
  const artifacts = await openArtifactRows(databaseUrl, 1);
  const warmUpRounds = Math.ceil(rounds / 5);
  const latenciesMs: number[] = [];
  try {
    const repositoryId = await registerRepository(http);
    const worker = await registerWorker(http, backend.workerKey, "idle");
    for (let round = 0; round < warmUpRounds + rounds; round += 1) {
      const task = await http.send<Task>("POST", "/api/v1/tasks", { body: taskBody(repositoryId) });
      const waiting = claim(http, backend.workerKey, worker, 30);
      // A read that is answered after the claim has come in: the worker waits now.
      for (let n = 0; n < 3; n += 1) await http.send("GET", `/api/v1/tasks/${task.id}`);
      const sentMs = performance.now();
      const received = waiting.then((claimed) => ({ claimed, receivedMs: performance.now() }));
      await http.send("POST", "/api/v1/queue/enqueue", { body: { taskId: task.id } });
      const { claimed, receivedMs } = await received;
      if (claimed === undefined) throw new Error("the waiting worker got nothing");
      if (round >= warmUpRounds) latenciesMs.push(receivedMs - sentMs);
      const artifactId = await artifacts.insert(claimed.executionId, claimed.task.id);
      await http.send("POST", "/api/v1/queue/complete", {
        token: claimed.attemptToken,
        body: resultBody(claimed, artifactId),
      });
    }
    return latenciesMs;
  } finally {
    http.close();
    await artifacts.close();
    await backend.stop();
  }
}
