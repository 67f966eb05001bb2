import type { Claim } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import pg from "pg";
import { startBenchBackend } from "../backend-process.ts";
import { createHttpClient } from "../http-client.ts";
import { registerRepository } from "./http-lives.ts";
import { taskBody, taskTypes, workerBody } from "./life.ts";

/** Copies the one task and its order until `count` orders wait, as old ones do: spread over an hour. */
const fillSql = `
  with made as (
    insert into tasks (id, title, task_type, permission_level, priority, status, repository_id, repository_url, timeout_seconds, created_by)
    select gen_random_uuid(), title, task_type, permission_level, priority, 'queued', repository_id, repository_url, timeout_seconds, created_by
    from tasks, generate_series(1, $2::int) where id = $1 returning id)
  insert into work_orders (id, task_id, kind, queue_name, work_type, status, max_retries, timeout_seconds, ranked_at)
  select gen_random_uuid(), made.id, o.kind, o.queue_name, o.work_type, 'pending', o.max_retries, o.timeout_seconds,
    now() - random() * interval '1 hour'
  from made, work_orders o where o.task_id = $1`;

/**
 * How long a claim takes, over HTTP, with so many orders queued, in milliseconds. Each claimed order is released again, so that
 * the depth stays.
 */
export async function measureClaims(databaseUrl: string, depth: number, rounds: number): Promise<number[]> {
  const backend = await startBenchBackend(databaseUrl);
  const http = createHttpClient(backend.url, backend.token);
  const database = new pg.Client(databaseUrl);
  await database.connect();
  try {
    const repositoryId = await registerRepository(http);
    const instanceId = newId();
    const { worker } = await http.send<{ worker: { id: string } }>("POST", "/api/v1/workers", {
      token: backend.workerKey,
      body: workerBody("claimer", instanceId, 256),
    });
    const { id: taskId } = await http.send<{ id: string }>("POST", "/api/v1/tasks", {
      body: { ...taskBody(repositoryId), enqueue: true },
    });
    await database.query(fillSql, [taskId, depth - 1]);
    await database.query("analyze");
    const warmUpRounds = Math.ceil(rounds / 4);
    const latenciesMs: number[] = [];
    for (let round = 0; round < warmUpRounds + rounds; round += 1) {
      const beganMs = performance.now();
      const claimed = await http.send<Claim>("POST", "/api/v1/queue/claim", {
        token: backend.workerKey,
        body: { workerId: worker.id, instanceId, taskTypes, slots: 1, waitSeconds: 0 },
        headers: { "idempotency-key": newId() },
        expected: [200],
      });
      if (round >= warmUpRounds) latenciesMs.push(performance.now() - beganMs);
      await http.send("POST", "/api/v1/queue/release", {
        token: claimed.attemptToken,
        body: { workOrderId: claimed.workOrder.id, attempt: claimed.attempt, reason: "bench" },
      });
    }
    return latenciesMs;
  } finally {
    http.close();
    await database.end();
    await backend.stop();
  }
}
