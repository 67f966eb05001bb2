import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { FaultProxy, git, startBackend, waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { leaseSeconds, patient, sh, useFleet } from "./testing/fleet.ts";

describe("a worker in trouble", { timeout: 120_000 }, () => {
  const fleet = useFleet();
  const { backend, client, useClient, dir, aName, aWorker, aTask, until } = fleet;
  const { countOf, finalEventsOf, executionsOf, branches, untilRunning, left, started, upstream } = fleet;

  it("loses and doubles nothing when the answers to claim and complete are lost on the way", async () => {
    const proxy = await FaultProxy.start(backend().url);
    onTestFinished(() => proxy.stop());
    const label = aName();
    const worker = aWorker({ name: label, serverUrl: proxy.url });
    await worker.ready;
    const task = await aTask(label, { enqueue: false });
    proxy.cutReplies(2, ({ path }) => path.endsWith("/queue/complete"));
    // The poll that waits already gets its answer; the next one, which leases the publish order, does not.
    await client().call(endpoints.queue.enqueue, { body: { taskId: task.id } });
    proxy.cutReplies(1, ({ path }) => path.endsWith("/queue/claim"));
    const done = await until(task, "completed");
    expect(done.runs).toBe(1);
    expect(await finalEventsOf(task)).toBe(1);
    expect(await countOf(task, "work_order.lease_lost", "work_order.retried")).toBe(0);
    expect(proxy.count(({ path }) => path.endsWith("/queue/complete"))).toBeGreaterThanOrEqual(4);
  });

  it("cut off from the backend, stops its work before the lease is over and publishes nothing late", async () => {
    const proxy = await FaultProxy.start(backend().url);
    onTestFinished(() => proxy.stop());
    const label = aName();
    // Finishes by itself when it is told to: if it still ran, it would hand in a result.
    const gate = join(dir(), "gate");
    const worker = aWorker({
      name: label,
      serverUrl: proxy.url,
      agent: sh(
        `(sleep 300) & touch ${started()}; while [ ! -e ${gate} ]; do sleep 0.1; done; echo late > GUIDE.md`,
      ),
    });
    await worker.ready;
    const task = await aTask(label);
    const executionId = await untilRunning(task);
    proxy.mode = "blackhole";
    const other = aWorker({ env: { AGENTVINE_WORKER_LABELS: label } });
    await waitUntil(() => left(executionId).length === 0, {
      timeoutMs: leaseSeconds * 1_000,
      message: "the worker to fence itself",
    });
    await writeFile(gate, "");
    const done = await until(task, "completed");
    proxy.mode = "pass";
    await other.ready;
    expect(done.runs).toBe(2);
    expect(await branches()).toEqual([`agentvine/${task.id}/a2`]);
    expect(await finalEventsOf(task)).toBe(1);
    expect(await git(upstream(), "show", `agentvine/${task.id}/a2:GUIDE.md`)).toContain("Call sum.");
    // The worker itself is well: it takes work again.
    const next = await aTask(worker.name, { title: "Write another guide" });
    await until(next, "completed");
  });

  it("goes on working while the backend is killed and started again, and hands its result in", async () => {
    const home = join(dir(), "home");
    const own = await startBackend({ home, env: { AGENTVINE_HEARTBEAT_SECONDS: "1" } });
    onTestFinished(() => own.stop());
    const token = (await readFile(join(home, "worker.key"), "utf8")).trim();
    const gate = join(dir(), "gate");
    const agent = sh(`while [ ! -e ${gate} ]; do sleep 0.1; done; printf '# Guide\\n\\nX.\\n' > GUIDE.md`);
    const worker = aWorker({ serverUrl: own.url, token, agent });
    await worker.ready;
    useClient(createClient({ baseUrl: own.url, token: own.token }));
    const task = await aTask(worker.name);
    await waitUntil(async () => (await executionsOf(task))[0]?.phase === "run", patient);
    await own.kill();
    await writeFile(gate, "");
    const port = Number(new URL(own.url).port);
    const again = await startBackend({ home, databaseUrl: own.databaseUrl, port });
    onTestFinished(() => again.kill());
    const done = await until(task, "completed");
    expect(done.runs).toBe(1);
    expect(await finalEventsOf(task)).toBe(1);
  });
});
