import type { Claim, Repository, Task, WorkerRegistered } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { startBenchBackend } from "../backend-process.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { type LoadOptions, type LoadResult, runLoad } from "../load.ts";
import { openArtifactRows } from "./artifact-row.ts";
import { resultBody, taskBody, taskTypes, workerBody } from "./life.ts";

/** A simulated worker of a backend that is reached over HTTP. */
export interface HttpWorker {
  id: string;
  instanceId: string;
}

export const registerRepository = async (http: HttpClient): Promise<string> => {
  const url = "https://git.example.org/shop/cart.git";
  return (await http.send<Repository>("POST", "/api/v1/repositories", { body: { url } })).id;
};

export async function registerWorker(
  http: HttpClient,
  workerKey: string,
  name: string,
  slots = 1,
): Promise<HttpWorker> {
  const instanceId = newId();
  const { worker } = await http.send<WorkerRegistered>("POST", "/api/v1/workers", {
    token: workerKey,
    body: workerBody(name, instanceId, slots),
  });
  return { id: worker.id, instanceId };
}

/** A claim of the worker; undefined when there is nothing within the time it waits. */
export const claim = (
  http: HttpClient,
  workerKey: string,
  { id, instanceId }: HttpWorker,
  waitSeconds: number,
): Promise<Claim | undefined> =>
  http.send<Claim | undefined>("POST", "/api/v1/queue/claim", {
    token: workerKey,
    body: { workerId: id, instanceId, taskTypes, slots: 1, waitSeconds },
    headers: { "idempotency-key": newId() },
  });

/** The full life of work orders over HTTP: create, enqueue, claim and complete are a request each. */
export async function measureHttpLives(databaseUrl: string, options: LoadOptions): Promise<LoadResult> {
  const backend = await startBenchBackend(databaseUrl);
  const http = createHttpClient(backend.url, backend.token);
  const artifacts = await openArtifactRows(databaseUrl, options.concurrency);
  try {
    const repositoryId = await registerRepository(http);
    const workers = await Promise.all(
      Array.from({ length: options.concurrency }, (_, n) =>
        registerWorker(http, backend.workerKey, `bench-${n}`),
      ),
    );
    return await runLoad(options, async (caller) => {
      const worker = workers[caller];
      if (worker === undefined) throw new Error(`there is no worker ${caller}`);
      const task = await http.send<Task>("POST", "/api/v1/tasks", { body: taskBody(repositoryId) });
      await http.send("POST", "/api/v1/queue/enqueue", { body: { taskId: task.id } });
      const claimed = await claim(http, backend.workerKey, worker, 5);
      if (claimed === undefined) throw new Error("an order was queued and nobody got it");
      const artifactId = await artifacts.insert(claimed.executionId, claimed.task.id);
      await http.send("POST", "/api/v1/queue/complete", {
        token: claimed.attemptToken,
        body: resultBody(claimed, artifactId),
      });
    });
  } finally {
    http.close();
    await artifacts.close();
    await backend.stop();
  }
}
